"""Writes SentencePiece's precompiled character maps from a table, in the double array of the Darts library."""
import base64
import struct


def charsmap(table):
    """`table` maps byte strings to what replaces them; the result goes into the field precompiled_charsmap."""
    blob, root = b"", {}
    for key, value in table.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[None] = len(blob)
        blob += value + b"\0"
    units, used, bases = [0], {0}, set()

    def place(position, node):
        labels = [label or 0 for label in node]
        # A unit knows its label, not its parent: no two nodes may have one base.
        base = next(b for b in range(1, 1 << 20) if b not in bases and not any(b ^ label in used for label in labels))
        bases.add(base)
        units.extend([0] * (((base | 0xFF) + 1) - len(units)))
        units[position] |= (position ^ base) << 10 | (None in node) << 8
        used.update(base ^ label for label in labels)
        for label, child in node.items():
            units[base ^ (label or 0)] = 1 << 31 | child if label is None else label
        for label, child in node.items():
            if label is not None:
                place(base ^ label, child)

    place(0, root)
    return assemble(units, blob)


def assemble(units, blob):
    return base64.b64encode(struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + blob).decode()
