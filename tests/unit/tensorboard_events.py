"""Read TensorBoard's event files as any viewer does: records of length, checksum, protocol buffer, checksum."""

import io
import struct

from PIL import Image
from tensorboardX.proto.event_pb2 import Event


def read_events(folder):
    """Scalars by name, lists of (step, value), and pictures, lists of (step, (width, height))."""
    scalars, pictures = {}, {}
    for path in sorted(folder.iterdir()):
        content, start = path.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = Event.FromString(content[start + 12 : start + 12 + length])
            start += 16 + length
            for value in event.summary.value:
                if value.HasField("image"):
                    size = Image.open(io.BytesIO(value.image.encoded_image_string)).size
                    pictures.setdefault(value.tag, []).append((event.step, size))
                else:
                    scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
    return scalars, pictures
