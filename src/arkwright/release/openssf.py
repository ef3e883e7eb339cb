"""OpenSSF's model-signing, without the clients of Sigstore's public service that it imports: a local key needs none,
and they take longer to import than a release takes to verify.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

_UNUSED = ("model_signing._signing.sign_sigstore", "model_signing._signing.sign_certificate")


class _Later:
    """Finds what is not used as modules that are executed at the first look into them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del target
        spec = PathFinder.find_spec(name, path) if name in _UNUSED else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def library() -> Any:
    """The package `model_signing`."""
    later = _Later()
    sys.meta_path.insert(0, later)
    try:
        import model_signing
    finally:
        sys.meta_path.remove(later)
    return model_signing
