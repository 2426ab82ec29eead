"""The forms of the shop."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict

from shop.models import Customer
from shop.payment import Charge, accept, decline


class SignUpForm(forms.Form):
    """Become a customer. There is no password: this is an example."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail", max_length=150, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(Q(username=email) | Q(email__iexact=email)).exists():
            raise ValidationError(f"{email} is a customer already. Continue as this customer instead.")
        return email

    def save(self) -> Customer:
        return Customer.objects.register(self.cleaned_data["name"], self.cleaned_data["email"])


class ContinueForm(forms.Form):
    """Continue as an existing customer. Staff accounts are excluded, because they have passwords."""

    customer = forms.EmailField(
        label="E-mail of a customer",
        widget=forms.EmailInput(attrs={"list": "customers", "autocomplete": "off"}),
    )

    def clean_customer(self) -> Customer:
        email = self.cleaned_data["customer"]
        customer = Customer.objects.filter(email__iexact=email, is_staff=False, is_superuser=False).first()
        if customer is None:
            raise ValidationError(f"There is no customer {email}. Sign up instead.")
        return customer


class ProfileForm(forms.Form):
    """Change name and address. An event informs the services that keep them."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail", max_length=150, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )

    def __init__(self, customer: Customer, data: QueryDict | None = None) -> None:
        super().__init__(data, initial={"name": customer.name, "email": customer.email}, label_suffix="")
        self.customer = customer

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if User.objects.filter(email__iexact=email).exclude(pk=self.customer.pk).exists():
            raise ValidationError(f"{email} is the address of another customer.")
        return email

    def save(self) -> None:
        self.customer.rename(self.cleaned_data["name"])
        self.customer.email = self.cleaned_data["email"]
        self.customer.save(update_fields=["first_name", "last_name", "email"])


class CheckoutForm(forms.Form):
    """How to pay."""

    CHARGES: dict[str, Charge | None] = {"card": accept, "later": None, "declined": decline}

    payment = forms.ChoiceField(
        initial="card",
        choices=[
            ("card", "Card ending in 4242, which is good"),
            ("later", "Invoice: place the order now, pay it later"),
            ("declined", "Card ending in 0002, which is declined"),
        ],
        widget=forms.RadioSelect,
    )

    def charge(self) -> Charge | None:
        return self.CHARGES[self.cleaned_data["payment"]]
