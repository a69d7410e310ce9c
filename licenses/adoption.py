"""How releases spread: installations that run each version, by product. Read when somebody looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from licenses.domain.versions import VersionError, parse_version
from licenses.models import Installation, Product, Release

MOST_VERSIONS = 12


@dataclass(frozen=True, slots=True)
class Running:
    """How many installations run a version. `release` is ours of this version, None when we published none."""

    version: str
    count: int
    release: Release | None


@dataclass(frozen=True, slots=True)
class Adoption:
    """A product with its most frequent versions, the newest first, and all of its installations."""

    product: Product
    versions: tuple[Running, ...]
    total: int


def adoption() -> list[Adoption]:
    """Products with installations or releases. Installations that were set aside do not count."""
    rows = Installation.objects.filter(set_aside_at=None).order_by()
    counted: dict[int, dict[str, int]] = {}
    for product, version, count in rows.values_list("license__product", "version").annotate(Count("pk")):
        counted.setdefault(product, {})[version] = count
    released = set(Release.objects.order_by().values_list("product", flat=True).distinct())
    products = Product.objects.filter(pk__in=released | counted.keys()).order_by("name")
    frequent = {pk: _most_frequent(counts) for pk, counts in counted.items()}
    known = _releases(frequent)
    return [_of(one, frequent.get(one.pk, []), counted.get(one.pk, {}), known) for one in products]


def _most_frequent(counts: Mapping[str, int]) -> list[str]:
    return sorted(counts, key=lambda version: (-counts[version], version))[:MOST_VERSIONS]


def _releases(frequent: Mapping[int, Sequence[str]]) -> dict[tuple[int, str], Release]:
    """Ours of these versions, by product and version: one query for all products."""
    versions = {plain(version) for one in frequent.values() for version in one}
    rows = Release.objects.filter(product__in=frequent, version__in=versions)
    return {(release.product_id, release.version): release for release in rows}


def _of(
    product: Product,
    frequent: Sequence[str],
    counts: Mapping[str, int],
    known: Mapping[tuple[int, str], Release],
) -> Adoption:
    lines = (
        Running(version, counts[version], known.get((product.pk, plain(version))))
        for version in newest_first(frequent)
    )
    return Adoption(product, tuple(lines), sum(counts.values()))


def running(release: Release) -> QuerySet[Installation]:
    """The installations that run a release, however they spell its version."""
    return Installation.objects.filter(
        license__product=release.product_id,
        version__in=[release.version, f"v{release.version}"],
        set_aside_at=None,
    )


def plain(version: str) -> str:
    """The version as a release is called: installations may say `v2.4.1`."""
    return version.removeprefix("v")


def newest_first(versions: Iterable[str]) -> list[str]:
    """By precedence; what is no version comes last."""
    return sorted(versions, key=lambda version: (_precedence(version), version), reverse=True)


def _precedence(version: str) -> str:
    try:
        return parse_version(plain(version)).precedence
    except VersionError:
        return ""
