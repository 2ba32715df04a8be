"""Behind nginx, which takes a prefix off the paths, compresses answers and so weakens their entity tags.

Runs where nginx is installed.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from e2e.clients import ADMIN, Json, free_port, listens
from e2e.processes import Processes, eventually
from e2e.system import System
from waiting import PATIENCE

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="NOT RUN: nginx is not installed"),
]
PREFIX = "/aggregator"
SETTINGS = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_proxied any;
    gzip_min_length 1;
    gzip_types application/json application/problem+json text/css text/javascript;
    server {{
        listen 127.0.0.1:{port};
        location {prefix}/ {{
            proxy_pass http://127.0.0.1:{api_port}/;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""
LINKED = re.compile(r'(?:href|src)="([^"#]+)"')


@pytest.fixture(scope="module")
def shop(new_database_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Give a client of nginx, with two products behind it."""
    assert NGINX is not None
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    processes = Processes(folder)
    system = System(new_database_dsn(), processes)
    settings = folder / "nginx.conf"
    settings.write_text(SETTINGS.format(folder=folder, port=port, api_port=system.api_port, prefix=PREFIX))
    behind = {"ROOT_PATH": PREFIX, "TRUSTED_PROXIES": "127.0.0.1"}
    processes.aggregator("api", environment={**system.environment, **behind})
    processes.start("nginx", NGINX, "-p", str(folder), "-c", str(settings), environment={})
    eventually(lambda: system.api.lives() and listens(port))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE) as client:
        token = client.post(f"{PREFIX}/login", json=ADMIN).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
    processes.end()
    system.close()


@pytest.fixture
def kettle(shop: httpx.Client) -> Iterator[str]:
    """Give the path of a product, from the Location of its creation."""
    created = shop.post(f"{PREFIX}/products", json={"name": "Kettle", "description": "Boils " * 100})
    assert created.status_code == 201, created.text
    yield created.headers["Location"]
    shop.delete(created.headers["Location"])


def test_locations_and_links_lead_through_the_prefix(shop: httpx.Client, kettle: str) -> None:
    assert kettle.startswith(f"{PREFIX}/products/")
    assert shop.get(kettle).json()["name"] == "Kettle"
    other = shop.post(f"{PREFIX}/products", json={"name": "Toaster", "description": ""})
    page = shop.get(f"{PREFIX}/products", params={"limit": 1})
    following = page.links["next"]["url"]
    assert following.startswith(f"{PREFIX}/products?")
    assert [item["name"] for item in shop.get(following).json()["items"]] == ["Kettle"]
    shop.delete(other.headers["Location"])


def test_an_edit_may_be_guarded_by_the_tag_that_compression_has_weakened(shop: httpx.Client, kettle: str) -> None:
    read = shop.get(kettle)
    assert read.headers["Content-Encoding"] == "gzip"
    tag = read.headers["ETag"]
    assert tag.startswith('W/"')
    assert shop.get(kettle, headers={"If-None-Match": tag}).status_code == 304
    assert shop.patch(kettle, json={"name": "Samovar"}, headers={"If-Match": tag}).status_code == 200
    assert shop.patch(kettle, json={"name": "Urn"}, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize("path", ["/", "/docs", "/admin/login"])
def test_all_that_a_page_loads_and_links_to_is_there(shop: httpx.Client, path: str) -> None:
    page = shop.get(PREFIX + path, headers={"Accept": "text/html", "Authorization": ""})
    assert page.status_code == 200
    linked = {link for link in LINKED.findall(page.text) if ":" not in link}
    assert linked
    for link in linked:
        target = urljoin(str(page.url), link.replace("&amp;", "&"))
        assert httpx.URL(target).path.startswith(f"{PREFIX}/"), link
        assert shop.get(target, headers={"Accept": "*/*"}).status_code in {200, 303}, link


def test_the_description_and_problems_name_the_prefix(shop: httpx.Client) -> None:
    description: Json = shop.get(f"{PREFIX}/schema/openapi.json").json()
    assert [server["url"] for server in description["servers"]] == [PREFIX]
    missing = shop.get(f"{PREFIX}/nothing")
    assert missing.status_code == 404
    assert missing.json()["type"] == f"{PREFIX}/problems/not-found"
    assert shop.get(missing.json()["type"]).status_code == 200


def test_a_path_of_a_file_that_is_none_is_404(shop: httpx.Client, tmp_path: Path) -> None:
    for name in ("%00", "x" * 5_000, "..%2f..%2fetc%2fpasswd", tmp_path.name):
        assert shop.get(f"{PREFIX}/docs/static/{name}").status_code in {400, 404}
