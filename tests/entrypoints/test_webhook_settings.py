"""Where webhooks may call, by the settings."""

import pytest

from application.webhooks.targets import TargetPolicy
from entrypoints.configuration.settings import Settings


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        (Settings(app_env="development"), TargetPolicy(allow_private=True, allow_http=True)),
        (
            Settings(app_env="development", webhooks_allow_private=False),
            TargetPolicy(allow_private=False, allow_http=True),
        ),
        (Settings(app_env="production"), TargetPolicy(allow_private=False, allow_http=False)),
        (
            Settings(app_env="production", webhooks_allow_private=True),
            TargetPolicy(allow_private=True, allow_http=False),
        ),
    ],
    ids=["development", "development without", "production", "production with"],
)
def test_private_addresses_are_for_development_unless_allowed(settings: Settings, policy: TargetPolicy) -> None:
    assert settings.webhook_targets == policy
