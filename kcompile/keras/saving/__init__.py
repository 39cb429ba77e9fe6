"""Models to files and back; the files themselves are kcompile.formats' business."""
