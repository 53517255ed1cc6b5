"""The settings → how tickets, and words about articles, are handed over."""

from __future__ import annotations

from kb.desk.parcel import Send
from kb.errors import BadSetting
from kb.settings import Settings

_SCHEMES = {"zendesk": ("https", "http"), "webhook": ("https", "http"), "smtp": ("smtp", "smtps")}
_NEEDED = {
    "zendesk": ("desk_url", "desk_user", "desk_secret"),
    "webhook": ("desk_url", "desk_secret"),
    "smtp": ("desk_url", "desk_from", "desk_to"),
}


def senders(settings: Settings) -> dict[str, Send]:
    """By kind of parcel; a kind without one is kept. Raises BadSetting for what does not fit together."""
    found = {}
    if settings.desk != "none":
        _check(settings)
        found["ticket"] = _desk(settings)
    if settings.owner_webhook:
        if not settings.owner_secret:
            raise BadSetting("KB_OWNER_SECRET", "is needed with KB_OWNER_WEBHOOK")
        from kb.desk import webhook

        found["wrong"] = webhook.sender(
            settings.owner_webhook, settings.owner_secret.value, settings.desk_timeout
        )
    return found


def _check(settings: Settings) -> None:
    for name in _NEEDED[settings.desk]:
        if not getattr(settings, name):
            raise BadSetting(f"KB_{name.upper()}", f"is needed with KB_DESK={settings.desk}")
    schemes = _SCHEMES[settings.desk]
    if settings.desk_url.partition("://")[0] not in schemes:
        raise BadSetting("KB_DESK_URL", f"must begin with {schemes[0]}:// with KB_DESK={settings.desk}")


def _desk(settings: Settings) -> Send:
    from kb.desk import smtp, webhook, zendesk  # TLS, HTTP and mail: 0.1 s

    if settings.desk == "zendesk":
        return zendesk.sender(settings)
    if settings.desk == "smtp":
        return smtp.sender(settings)
    return webhook.sender(settings.desk_url, settings.desk_secret.value, settings.desk_timeout)
