"""The browser of the tests: Debian's Chromium, without the pages that its own window would open."""

from __future__ import annotations

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")

PLAYWRIGHTS = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding",
    "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints",
    "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
)  # fmt: skip
"""Of several `--disable-features` Chromium takes the last: what Playwright switches off stays off."""

WINDOWS = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess")
"""The list below the address bar, a page with a process of its own in every window, and a process in reserve:
half of the time of a test, for what no test looks at."""

LAUNCH: dict[str, object] = {
    "executable_path": str(CHROMIUM),
    "args": ["--no-sandbox", f"--disable-features={','.join((*PLAYWRIGHTS, *WINDOWS))}"],
}
