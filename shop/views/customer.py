"""The pages to sign up, sign in and change a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from shop.basket import KEY
from shop.forms import ContinueForm, ProfileForm, SignUpForm
from shop.models import Customer

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

BACKEND = "django.contrib.auth.backends.ModelBackend"


def customer_of(user: AbstractBaseUser | AnonymousUser) -> Customer:
    """The signed-in user as a customer."""
    return Customer.objects.get(username=user.get_username())


@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """Sign up, or continue as a customer who exists. No passwords: this is an example."""
    is_new = request.POST.get("form") == "sign-up"
    sign_up = SignUpForm(request.POST if is_new else None, label_suffix="")
    carry_on = ContinueForm(
        request.POST if request.method == "POST" and not is_new else None, label_suffix=""
    )
    if is_new and sign_up.is_valid():
        return signed_in(request, sign_up.save())
    if carry_on.is_bound and carry_on.is_valid():
        return signed_in(request, carry_on.cleaned_data["customer"])
    recent = (
        Customer.objects.filter(is_staff=False, is_superuser=False).exclude(email="").order_by("-pk")[:30]
    )
    context = {"sign_up": sign_up, "carry_on": carry_on, "recent": recent, "next": destination(request)}
    return render(request, "shop/welcome.html", context)


def signed_in(request: HttpRequest, customer: Customer) -> HttpResponse:
    basket = request.session.get(KEY, {})
    login(request, customer, backend=BACKEND)
    request.session[KEY] = basket  # login() starts a new session if another user was signed in
    return redirect(destination(request))


def destination(request: HttpRequest) -> str:
    """Where the visitor wanted to go, if that is in this shop."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if inside else resolve_url("shop:catalogue")


@login_required
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """A customer's profile and orders."""
    customer = customer_of(request.user)
    form = ProfileForm(customer, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, "Your profile is changed. An event informs the other services.")
        return redirect("shop:account")
    return render(request, "shop/account.html", {"form": form, "orders": customer.orders.all()[:50]})


@login_required
@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Delete a customer without orders. Customers with orders must stay."""
    try:
        customer_of(request.user).delete()
    except ProtectedError:
        messages.error(request, "Your account cannot be deleted, because it has orders.")
        return redirect("shop:account")
    logout(request)
    messages.success(request, "Your account is deleted. An event informs the other services.")
    return redirect("shop:catalogue")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("shop:catalogue")
