"""Previews: how far an image is. A preview is a release, and takes the rest of the pipeline as the image itself will."""

from __future__ import annotations

import logging
from itertools import count

from limner.admission import Admitted
from limner.errors import LimnerError
from limner.generation import Image
from limner.image_end import ImageEnd
from limner.images.enlarging import enlarged
from limner.making import Making, Waiting
from limner.recording import PreviewRecord, Record
from limner.result import Preview, Watcher

logger = logging.getLogger(__name__)


class Previewing:
    """Shows an image's previews to its watcher, numbered from 1."""

    def __init__(self, admitted: Admitted, record: Record, watcher: Watcher) -> None:
        self._last_change = admitted.policies[0].course.last_change("image")
        self._record, self._watcher = record, watcher
        self._numbers = count(1)

    def show(self, making: Making, image: Image) -> Waiting[None]:
        """Let a preview leave as an image does: after every check, mark and attestation that the image itself will have.

        Whatever goes wrong, it is not shown, and the image goes on.
        """
        number = next(self._numbers)
        record = self._record.preview(making.generation.index, number)
        try:
            preview = making.of_preview(enlarged(image), record)
            yield from preview.finish(behind=self._last_change)
            self._release(preview, number, record)
        except (ImageEnd, LimnerError) as why:
            logger.debug("preview %d of %s is not shown: %s", number, making.generation.id, why)
        except Exception:
            logger.exception("a preview failed, and is not shown")

    def _release(self, preview: Making, number: int, record: PreviewRecord) -> None:
        index, file = preview.generation.index, preview.generation.file
        if file is not None and not preview.held:
            record.released(index, file, preview.pixels_sha256)
            self._watcher.previewed(Preview(index, number, file))
