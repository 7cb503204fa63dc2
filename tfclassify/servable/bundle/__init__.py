"""What lies in and beside an exported SavedModel: configuration, clients, images, manifests, alerts, a dashboard."""

from tfclassify.servable.bundle.facts import BundleFacts
from tfclassify.servable.bundle.folder import write_bundle

__all__ = ["BundleFacts", "write_bundle"]
