"""The Kubernetes base: valid by Kubernetes' own schemas, and in step with the service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from entrypoints.configuration.command_settings import USED_BY
from entrypoints.configuration.settings import ALL, read_settings

BASE = Path(__file__).parents[2] / "docker" / "kubernetes"
VERSION = "1.33"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
SECRETS = {
    "DATABASE_URL": "postgresql://a@db/a",
    "OFFERS_REFRESH_TOKEN": "t" * 40,
    "JWT_SECRET": "correct-horse-battery-staple-of-32-bytes",
    "ADMIN_PASSWORD": "staple of another kind",
}


def resources() -> Iterator[dict[str, Any]]:
    for name in KUSTOMIZATION["resources"]:
        yield from yaml.safe_load_all((BASE / name).read_text())


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in resources() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods() -> list[dict[str, Any]]:
    return [each["spec"]["template"] for each in resources() if each["kind"] in ("Deployment", "Job")]


def settings_of(pod: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a pod's container, its secrets filled in."""
    (container,) = pod["spec"]["containers"]
    environment: dict[str, str] = {"APP_ENV": "production", "HOST": "0.0.0.0"}  # noqa: S104 - as the image sets them
    for source in container["envFrom"]:
        if "configMapRef" in source:
            (generator,) = KUSTOMIZATION["configMapGenerator"]
            environment |= dict(literal.split("=", 1) for literal in generator["literals"])
        else:
            environment |= SECRETS
    for each in container.get("env", []):
        secret = each.get("valueFrom", {}).get("secretKeyRef", {})
        if secret.get("optional") and secret["key"] not in SECRETS:
            continue
        environment[each["name"]] = each["value"] if "value" in each else SECRETS[secret["key"]]
    return environment


@pytest.mark.parametrize("resource", list(resources()), ids=lambda each: f"{each['kind']}/{each['metadata']['name']}")
def test_every_resource_is_valid(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, VERSION, strict=True)


def test_every_file_is_a_resource() -> None:
    files = {path.name for path in BASE.iterdir()} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


@pytest.mark.parametrize("pod", pods(), ids=lambda each: each["metadata"]["labels"]["app.kubernetes.io/name"])
def test_a_pod_has_valid_settings_and_few_rights(pod: dict[str, Any]) -> None:
    environment = settings_of(pod)
    assert set(environment) <= set(ALL)
    (container,) = pod["spec"]["containers"]
    command = container["args"][1]
    read_settings(environment, USED_BY[command])
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert not pod["spec"]["automountServiceAccountToken"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]


def test_only_the_pods_that_need_a_secret_have_it() -> None:
    by_name = {pod["metadata"]["labels"]["app.kubernetes.io/name"]: settings_of(pod) for pod in pods()}
    assert not {"JWT_SECRET", "ADMIN_PASSWORD"} & {*by_name["worker"], *by_name["migrate"]}
    assert "OFFERS_REFRESH_TOKEN" not in by_name["migrate"]


@pytest.mark.parametrize("name", ["api", "worker"])
def test_probes_ask_ports_that_are_there(name: str) -> None:
    (container,) = named("Deployment", name)["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] in ports
        assert get["path"] == ("/health/ready" if probe == "readinessProbe" else "/health/live")
    assert ports["metrics"] == int(settings_of(named("Deployment", name)["spec"]["template"])["METRICS_PORT"])


@pytest.mark.parametrize("name", ["api", "worker"])
def test_a_pod_has_time_to_stop(name: str) -> None:
    pod = named("Deployment", name)["spec"]["template"]
    settings = read_settings(settings_of(pod), USED_BY[name])
    # 20 s after its drain a process ends by force.
    assert pod["spec"]["terminationGracePeriodSeconds"] >= settings.drain_seconds + 20


@pytest.mark.parametrize("name", ["api", "worker"])
def test_applying_again_leaves_the_autoscalers_number(name: str) -> None:
    scaler = named("HorizontalPodAutoscaler", name)["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert scaler["minReplicas"] >= 2
    assert "replicas" not in named("Deployment", name)["spec"]


def test_what_selects_pods_finds_some() -> None:
    labels = [pod["metadata"]["labels"] | {"app.kubernetes.io/part-of": "product-aggregator"} for pod in pods()]
    for resource in resources():
        spec = resource.get("spec", {})
        chosen = spec.get("podSelector") or (spec.get("selector", {}) if resource["kind"] != "Service" else {})
        for key, value in chosen.get("matchLabels", {}).items():
            assert any(each.get(key) == value for each in labels), (resource["metadata"]["name"], key)
