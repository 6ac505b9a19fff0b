"""deploy/kubernetes: the network policies let through the pairs that talk, and nothing else."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import pytest

from tests.support.kubernetes import documents, templates

POLICIES = [document["spec"] for document in documents() if document["kind"] == "NetworkPolicy"]
OURS = ("migrate", "web", "worker", "beat")
DATABASE, CACHE, PUBLIC, METADATA, API = "10.20.0.5", "192.168.7.7", "93.184.216.34", "169.254.169.254", "10.96.0.1"


class Peer(NamedTuple):
    """A pod by namespace and labels, or an address outside of the cluster."""

    namespace: str = ""
    labels: frozenset[tuple[str, str]] = frozenset()
    address: str = ""


def pod(namespace: str, **labels: str) -> Peer:
    return Peer(namespace, frozenset((name.replace("__", "/").replace("_", "-"), to) for name, to in labels.items()))


def ours(component: str) -> Peer:
    (labels,) = (
        each["metadata"]["labels"]
        for each in templates(documents())
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    return Peer("enginel", frozenset(labels.items()))


def selects(selector: dict[str, Any], labels: frozenset[tuple[str, str]]) -> bool:
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    has = dict(labels)
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] == "In"
        if has.get(each["key"]) not in each["values"]:
            return False
    return all(has.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def is_peer(rule: dict[str, Any], peer: Peer) -> bool:
    if "ipBlock" in rule:
        if not peer.address:
            return False
        block, address = rule["ipBlock"], ip_address(peer.address)
        inside = address in ip_network(block["cidr"])
        return inside and not any(address in ip_network(each) for each in block.get("except", ()))
    in_namespace = (
        selects(rule["namespaceSelector"], frozenset({("kubernetes.io/metadata.name", peer.namespace)}))
        if "namespaceSelector" in rule
        else peer.namespace == "enginel"
    )
    return not peer.address and in_namespace and selects(rule.get("podSelector", {}), peer.labels)


def allows(direction: str, of: Peer, other: Peer, port: int, protocol: str) -> bool:
    """Return whether the policies of one pod let a connection through in one direction."""
    if of.namespace != "enginel":
        return True
    applying = [p for p in POLICIES if direction in p["policyTypes"] and selects(p["podSelector"], of.labels)]
    side = "from" if direction == "Ingress" else "to"
    return not applying or any(
        {"protocol": protocol, "port": port} in rule["ports"] and any(is_peer(peer, other) for peer in rule[side])
        for policy in applying
        for rule in policy.get(direction.lower(), ())
    )


def reaches(source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    return allows("Egress", source, target, port, protocol) and allows("Ingress", target, source, port, protocol)


@pytest.mark.parametrize("component", OURS)
def test_our_pods_reach_database_redis_and_dns(component: str) -> None:
    dns = pod("kube-system", k8s_app="kube-dns")

    assert reaches(ours(component), Peer(address=DATABASE), 5432)
    assert reaches(ours(component), Peer(address=CACHE), 6379)
    assert reaches(ours(component), dns, 53, "UDP")
    assert reaches(ours(component), Peer(address=PUBLIC), 443) == (component != "migrate")


@pytest.mark.parametrize("component", OURS)
def test_our_pods_reach_nothing_else(component: str) -> None:
    source = ours(component)

    assert not any(reaches(source, ours(other), port) for other in OURS for port in (80, 443, 5432, 6379, 8000))
    assert not any(reaches(source, Peer(address=METADATA), port) for port in (80, 443))
    assert not reaches(source, Peer(address=API), 443)
    assert not any(reaches(source, Peer(address=PUBLIC), port) for port in (22, 80, 5432, 6379))
    assert not any(reaches(source, Peer(address=DATABASE), port) for port in (22, 80, 443, 9200))
    assert not reaches(source, pod("other", k8s_app="kube-dns"), 53)


def test_the_web_is_reached_by_the_proxy_and_by_prometheus() -> None:
    prometheus = pod("monitoring", **{"app.kubernetes.io__name": "prometheus"})
    grafana = pod("monitoring", **{"app.kubernetes.io__name": "grafana"})
    proxy = pod("ingress-nginx", **{"app.kubernetes.io__name": "ingress-nginx"})

    assert reaches(prometheus, ours("web"), 8000)
    assert reaches(proxy, ours("web"), 8000)
    for stranger in (grafana, pod("default"), pod("enginel"), Peer(address=PUBLIC)):
        assert not reaches(stranger, ours("web"), 8000)
    for component in ("migrate", "worker", "beat"):
        assert not any(reaches(source, ours(component), 8000) for source in (prometheus, proxy, grafana))


def test_a_pod_without_a_policy_of_its_own_is_cut_off() -> None:
    assert not reaches(pod("enginel"), Peer(address=PUBLIC), 443)
    assert not reaches(pod("enginel"), Peer(address=DATABASE), 5432)
    assert not reaches(pod("default"), pod("enginel"), 8000)
