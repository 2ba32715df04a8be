"""A client that an off-the-shelf generator makes of nothing but the API's description."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from e2e.clients import ADMIN

PACKAGE = "generated_package"


@contextmanager
def generated(description: bytes, folder: Path) -> Iterator[None]:
    """Make the package in the folder, without a warning, and let it be imported meanwhile."""
    path, settings = folder / "openapi.json", folder / "settings.json"
    path.write_bytes(description)
    # It would format code that is not read, and it has no name for lines of JSON.
    settings.write_text('{"post_hooks": [], "content_type_overrides": {"application/x-ndjson": "text/plain"}}')
    generator = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning", "--meta", "none"]
    files = ["--path", str(path), "--output-path", str(folder / PACKAGE), "--config", str(settings)]
    made = subprocess.run([*generator, *files], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, ""), made.stdout + made.stderr
    assert made.stdout.splitlines() == [f"Generating {folder / PACKAGE}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class GeneratedClient:
    """Calls operations by name; a status that the description lacks is an exception."""

    def __init__(self, url: str) -> None:
        self.models: Any = import_module(f"{PACKAGE}.models")
        self.unset: Any = import_module(f"{PACKAGE}.types").UNSET
        self._opened = ExitStack()
        self._clients: Any = import_module(f"{PACKAGE}.client")
        self._settings: dict[str, Any] = {
            "base_url": url,
            "raise_on_unexpected_status": True,
            "httpx_args": {"trust_env": False},
        }

    @staticmethod
    def module(tag: str, operation: str) -> Any:
        """Return the module of an operation."""
        return import_module(f"{PACKAGE}.api.{tag}.{operation}")

    @cached_property
    def customer(self) -> Any:
        """A client without a token."""
        return self._opened.enter_context(self._clients.Client(**self._settings))

    @cached_property
    def admin(self) -> Any:
        """A client that has logged in."""
        answer = self.login(**ADMIN).parsed
        token = {"token": answer.access_token, "prefix": answer.token_type}
        return self._opened.enter_context(self._clients.AuthenticatedClient(**token, **self._settings))

    def login(self, **credentials: str) -> Any:
        """Log in."""
        body = self.models.LoginRequest(**credentials)
        return self.module("login", "login").sync_detailed(client=self.customer, body=body)

    def create(self, **product: Any) -> Any:
        """Create a product."""
        body = self.models.CreateProductRequest(**product)
        return self.module("catalogue", "create_product").sync_detailed(client=self.admin, body=body)

    def get(self, product_id: object, **parameters: Any) -> Any:
        """Read a product."""
        return self.module("catalogue", "get_product").sync_detailed(product_id, client=self.customer, **parameters)

    def page(self, **parameters: Any) -> Any:
        """Read one page of products."""
        return self.module("catalogue", "list_products").sync_detailed(client=self.customer, **parameters)

    def insight(self, operation: str, product_id: object, **parameters: Any) -> Any:
        """Ask about a product's prices."""
        return self.module("insight", operation).sync_detailed(product_id, client=self.customer, **parameters)

    def close(self) -> None:
        """Close its connections."""
        self._opened.close()
