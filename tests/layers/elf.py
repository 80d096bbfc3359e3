"""What an object file defines and what it refers to, read from the file itself: ELF of either word size and byte order."""
import struct

SYMBOLS, ADDENDS, NO_ADDENDS = 2, 4, 9  # kinds of section
IS_LOADED = 2  # a flag of a section: code or data, not what is written for debuggers
FUNCTION, LOCAL = 2, 0  # type and binding of a symbol

# By word size: where the header says where the sections are, and the layouts of a section, a symbol, a relocation.
HEADER = {1: (32, "I", 46), 2: (40, "Q", 58)}
SECTION = {1: "10I", 2: "IIQQQQIIQQ"}
SYMBOL = {1: "IIIBBH", 2: "IBBHQQ"}
RELOCATION = {1: {ADDENDS: "IIi", NO_ADDENDS: "II"}, 2: {ADDENDS: "QQq", NO_ADDENDS: "QQ"}}


def read(data):
    """(names of the functions that it defines for others, names that its code and data refer to) of the bytes of an object file."""
    if data[:4] != b"\x7fELF":
        raise ValueError("is no ELF object: was it built for link-time optimisation, or for another system?")
    size, order = data[4], "<" if data[5] == 1 else ">"
    at, word, counts = HEADER[size]
    table = struct.unpack_from(order + word, data, at)[0]
    entry, count = struct.unpack_from(order + "2H", data, counts)
    # name, kind, flags, address, offset, bytes, link, info
    sections = [struct.unpack_from(order + SECTION[size], data, table + entry * index) for index in range(count)]

    def rows(section, layout):
        body = data[section[4] : section[4] + section[5]]
        return struct.iter_unpack(order + layout, body)

    names, defined, used = [], set(), set()
    for section in sections:
        if section[1] == SYMBOLS:
            texts = sections[section[6]][4]
            for symbol in rows(section, SYMBOL[size]):
                info, place = (symbol[3], symbol[5]) if size == 1 else (symbol[1], symbol[3])
                start = texts + symbol[0]
                name = data[start : data.index(b"\0", start)].decode()
                names.append(name)
                if place and info & 15 == FUNCTION and info >> 4 != LOCAL:
                    defined.add(name)
    for section in sections:
        if section[1] in (ADDENDS, NO_ADDENDS) and sections[section[7]][2] & IS_LOADED:
            for relocation in rows(section, RELOCATION[size][section[1]]):
                used.add(names[relocation[1] >> (8 if size == 1 else 32)])
    return defined, used - {""}
