"""Routes of this app, mounted under /api/v1/."""

from __future__ import annotations

from django.urls import path

from config.kit.api.routing import by_method
from licenses.api import activations, catalogue, history, issuances, keys, licenses, own, releases
from licenses.api import converters as converters  # noqa: PLC0414 - registers them

LICENSE = "licenses/<license_id:license_id>"
PRODUCT = "products/<code:product_key>"
RELEASE = f"{PRODUCT}/releases/<version:version>"
KEY = "signing-keys/<key_id:kid>"

urlpatterns = [
    path("licenses", by_method(get=licenses.LicenseList, post=licenses.LicenseCreate), name="licenses"),
    path("licenses/signals", issuances.SignalCreate.as_view(), name="license-signals"),
    path(LICENSE, by_method(get=licenses.LicenseRead, patch=licenses.LicenseUpdate), name="license"),
    path(f"{LICENSE}/issue", licenses.LicenseIssue.as_view(), name="license-issue"),
    path(f"{LICENSE}/renew", licenses.LicenseRenew.as_view(), name="license-renew"),
    path(f"{LICENSE}/suspend", licenses.LicenseSuspend.as_view(), name="license-suspend"),
    path(f"{LICENSE}/reinstate", licenses.LicenseReinstate.as_view(), name="license-reinstate"),
    path(f"{LICENSE}/revoke", licenses.LicenseRevoke.as_view(), name="license-revoke"),
    path(f"{LICENSE}/status", issuances.StatusRead.as_view(), name="license-status"),
    path(f"{LICENSE}/issuances", issuances.IssuanceList.as_view(), name="license-issuances"),
    path(f"{LICENSE}/renewals", issuances.RenewalList.as_view(), name="license-renewals"),
    path(f"{LICENSE}/history", issuances.LicenseHistory.as_view(), name="license-history"),
    path(f"{LICENSE}/activations", activations.LicenseActivations.as_view(), name="license-activations"),
    path(
        f"{LICENSE}/activations/release",
        activations.LicenseActivationRelease.as_view(),
        name="license-activation-release",
    ),
    path(
        "activations",
        by_method(get=activations.ActivationList, post=activations.ActivationCreate),
        name="activations",
    ),
    path("activations/release", activations.ActivationRelease.as_view(), name="activation-release"),
    path("issuances/<token_id:jti>", issuances.IssuanceRead.as_view(), name="issuance"),
    path("issuances/<token_id:jti>/artifact", issuances.ArtifactRead.as_view(), name="issuance-artifact"),
    path("products", by_method(get=catalogue.ProductList, post=catalogue.ProductCreate), name="products"),
    path(PRODUCT, by_method(get=catalogue.ProductRead, patch=catalogue.ProductUpdate), name="product"),
    path(f"{PRODUCT}/plans", by_method(get=catalogue.PlanList, post=catalogue.PlanCreate), name="plans"),
    path(
        f"{PRODUCT}/plans/<code:code>",
        by_method(get=catalogue.PlanRead, patch=catalogue.PlanUpdate),
        name="plan",
    ),
    path(
        f"{PRODUCT}/releases",
        by_method(get=releases.ReleaseList, post=releases.ReleaseCreate),
        name="releases",
    ),
    path(RELEASE, by_method(get=releases.ReleaseRead, patch=releases.ReleaseUpdate), name="release"),
    path(f"{RELEASE}/withdraw", releases.ReleaseWithdraw.as_view(), name="release-withdraw"),
    path("releases/manifest", releases.ManifestRead.as_view(), name="release-manifest"),
    path("presets", catalogue.PresetList.as_view(), name="presets"),
    path("signing-keys", by_method(get=keys.KeyList, post=keys.KeyGenerate), name="signing-keys"),
    path("signing-keys/import", by_method(post=keys.KeyImport), name="signing-key-import"),
    path("signing-keys/rotate", by_method(post=keys.KeyRotate), name="signing-key-rotate"),
    path(KEY, keys.KeyRead.as_view(), name="signing-key"),
    path(f"{KEY}/activate", keys.KeyActivate.as_view(), name="signing-key-activate"),
    path(f"{KEY}/retire", keys.KeyRetire.as_view(), name="signing-key-retire"),
    path(f"{KEY}/revoke", keys.KeyRevoke.as_view(), name="signing-key-revoke"),
    path("self-license", own.OwnRead.as_view(), name="self-license"),
    path("self-license/activate", own.OwnActivate.as_view(), name="self-license-activate"),
    path("self-license/refresh", own.OwnRefresh.as_view(), name="self-license-refresh"),
    path("history", history.EventList.as_view(), name="history"),
    path("history/checkpoint", history.CheckpointRead.as_view(), name="history-checkpoint"),
    path("history/consistency", history.ConsistencyRead.as_view(), name="history-consistency"),
    path("history/<uuid:uid>/proof", history.EventProof.as_view(), name="history-proof"),
]
