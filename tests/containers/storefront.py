"""A customer of the shop, by HTTP."""

from __future__ import annotations

import http.cookiejar
import json
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

SECONDS = 20


class Customer:
    """Signs up when made. A page of the shop is asked as a browser would ask it."""

    def __init__(self, shop: str) -> None:
        self._shop = shop
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._browser = urllib.request.build_opener(cookies)
        name = f"proof-{secrets.token_hex(4)}"
        self._post("welcome/", form="sign-up", name=name, email=f"{name}@example.com")

    def order(self) -> str:
        """Buy the first record of the catalogue by card. Returns the order's path."""
        found = re.search(r'"/?(basket/[\w-]+/add/)"', self._get(self._a_record()))
        assert found, "the page of a record has no button to buy it"
        self._post(found[1])
        path, _ = self._post("checkout/", payment="card")
        assert path.startswith("/orders/"), path
        return path.lstrip("/")

    def has_arrived(self, order: str) -> bool:
        """Whether every service has handled every event of an order."""
        return bool(self.journey(order)["complete"])

    def journey(self, order: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._get(f"{order}journey.json"))
        return found

    def _a_record(self) -> str:
        found = re.search(r'"/(records/[\w-]+/)"', self._get(""))
        assert found, "the catalogue is empty"
        return found[1]

    def _get(self, path: str) -> str:
        with self._browser.open(self._shop + path, timeout=SECONDS) as answer:
            return str(answer.read().decode())

    def _post(self, path: str, **fields: str) -> tuple[str, str]:
        """The path to which it leads, and the page."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self._get("welcome/"))
        assert token, "the page has no form"
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
        with self._browser.open(self._shop + path, data=data, timeout=SECONDS) as answer:
            return urllib.parse.urlsplit(answer.geturl()).path, answer.read().decode()
