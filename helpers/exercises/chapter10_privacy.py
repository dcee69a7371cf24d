"""Exercises of chapter 10 on privacy: a header without the patient, and a volume behind a lock."""

import hashlib
import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.exercises.exercise import Case, Exercise, Misconception

# 10.2 -----------------------------------------------------------------------------------------------------------------


def deidentify(header, actions, new_uid):
    """A copy of a header with each element kept, removed, emptied or replaced; what the table does not name is removed.

    header: dict keyword -> text, number, or a list of such dicts (a sequence); actions: dict keyword -> "K" keep, "X"
    remove, "Z" empty text, "D" the dummy "ANONYMOUS", "U" new_uid(value); new_uid: UID -> its new one -> a new dict;
    in sequences that are kept every item is cleaned the same way
    """
    clean = {}
    for keyword, value in header.items():
        action = actions.get(keyword, "X")
        if action == "K" and isinstance(value, list):
            clean[keyword] = [deidentify(item, actions, new_uid) for item in value]
        elif action == "K":
            clean[keyword] = value
        elif action == "Z":
            clean[keyword] = ""
        elif action == "D":
            clean[keyword] = "ANONYMOUS"
        elif action == "U":
            clean[keyword] = new_uid(value)
    return clean


_ACTIONS = {
    "SOPInstanceUID": "U",
    "PatientName": "Z",
    "PatientID": "D",
    "Modality": "K",
    "Rows": "K",
    "ReferencedSOPInstanceUID": "U",
    "InstitutionName": "X",
    "StudyDate": "Z",
    "OperatorsName": "X",
    "ReferencedImageSequence": "K",
    "RequestAttributesSequence": "X",
    "PurposeOfReferenceCodeSequence": "K",
    "CodeValue": "K",
    "PixelSpacing": "K",
    "FrameOfReferenceUID": "U",
}


def _new_uid(rng: np.random.Generator) -> Callable[[str], str]:
    salt = rng.bytes(8)

    def new_uid(uid):
        """UID -> a new one, always the same for the same UID"""
        if not isinstance(uid, str):
            raise TypeError(f"new_uid takes a UID, which is text; {type(uid).__name__} came")
        return f"2.25.{int.from_bytes(hashlib.sha256(salt + uid.encode()).digest()[:5], 'big')}"

    return new_uid


def _header_cases(rng: np.random.Generator) -> list[Case]:
    new_uid = _new_uid(rng)

    def case(header: dict, note: str) -> Case:
        return Case((header, _ACTIONS, new_uid), note)

    def uid() -> str:
        return f"1.2.276.0.{rng.integers(10**6)}"

    def item(**more) -> dict:
        return {"ReferencedSOPInstanceUID": uid(), "CodeValue": "121311"} | more

    image, name = uid(), str(rng.choice(["MEIER^ANNA", "OKAFOR^CHIDI", "NOVAK^JANA"]))
    number = int(rng.integers(1000, 9999))
    usual = {"PatientName": name, "PatientID": f"{number}", "Rows": 512, "SOPInstanceUID": image}
    return [
        case(usual, "four elements: emptied, dummy, kept, new UID"),
        case(usual | {"ReferencedSOPInstanceUID": image}, "it refers to itself: the same UID twice"),
        case(usual | {"InstitutionName": "St. Anna", "OperatorsName": "LI^WEI"}, "two elements to be removed"),
        case(usual | {"(0029,1010)": f"{name}, ward 3"}, "a private element, which no table knows"),
        case({"Modality": "CT", "PatientComments": "neighbour of the mayor", "StudyDate": "20240229"}, "a comment"),
        case(
            {"ReferencedImageSequence": [item(PatientName=name), item(OperatorsName="LI^WEI")], "Modality": "MR"},
            "a sequence of two items",
        ),
        case(
            usual | {"ReferencedImageSequence": [item(ReferencedSOPInstanceUID=image), item(PatientID=f"{number}")]},
            "a sequence that refers to the image itself",
        ),
        case(
            {
                "ReferencedImageSequence": [
                    {"PurposeOfReferenceCodeSequence": [{"CodeValue": "121311", "PatientID": "77"}]},
                    item(**{"(0029,1010)": name}, PurposeOfReferenceCodeSequence=[item(InstitutionName="St. Anna")]),
                ]
            },
            "a sequence in a sequence",
        ),
        case(usual | {"RequestAttributesSequence": [item(PatientName=name)]}, "a sequence that is to go"),
        case({"ReferencedImageSequence": [], "PixelSpacing": 0.7, "StudyDate": ""}, "an empty sequence"),
    ]


def _cleaned(rule: Callable, unknown: str = "X", items: str = "all") -> Callable:
    """A wrong cleaner: rule(action, value, new_uid, keyword) -> a value or None, which removes.

    items: of kept sequences "all" are cleaned, "none", only the "first", only those of the "outer" sequence, or the
    sequence is "dropped"
    """

    def wrong(header, actions, new_uid, depth=0):
        clean = {}
        for keyword, value in header.items():
            action = actions.get(keyword, unknown)
            if action == "K" and isinstance(value, list):
                within = [wrong(item, actions, new_uid, depth + 1) for item in value]
                if items == "first":
                    within[1:] = value[1:]
                if items == "none" or items == "outer" and depth:
                    within = value
                value = None if items == "dropped" else within
            kept = rule(action, value, new_uid, keyword)
            if kept is not None:
                clean[keyword] = kept
        return clean

    return lambda header, actions, new_uid: wrong(header, actions, new_uid)


def _rule(**other: Callable) -> Callable:
    """The right rule, except for some actions: X=lambda value, new_uid: ..."""
    rules = {
        "K": lambda value, new_uid: value,
        "X": lambda value, new_uid: None,
        "Z": lambda value, new_uid: "",
        "D": lambda value, new_uid: "ANONYMOUS",
        "U": lambda value, new_uid: new_uid(value),
    } | other
    return lambda action, value, new_uid, keyword: rules[action](value, new_uid)


def _same(value, new_uid):
    return value


def _empty(value, new_uid):
    return ""


def _gone(value, new_uid):
    return None


def _unknown_kept_outside(header, actions, new_uid):
    private = {keyword: value for keyword, value in header.items() if keyword not in actions}
    return private | deidentify(header, actions, new_uid)


def _unknown_stops(header, actions, new_uid):
    for keyword in header:
        actions[keyword]
    return deidentify(header, actions, new_uid)


def _unknown_stops_anywhere(header, actions, new_uid):
    for keyword, value in header.items():
        for item in value if actions[keyword] == "K" and isinstance(value, list) else ():
            _unknown_stops_anywhere(item, actions, new_uid)
    return deidentify(header, actions, new_uid)


def _in_place(header, actions, new_uid):
    for keyword in list(header):
        value = header[keyword]
        if actions.get(keyword) == "K" and isinstance(value, list):
            for item in value:
                _in_place(item, actions, new_uid)
        else:
            header.update({keyword: None} | deidentify({keyword: header.pop(keyword)}, actions, new_uid))
            if header[keyword] is None:
                del header[keyword]
    return header


def _items_in_place(header, actions, new_uid):
    """A copy of the outermost dict alone: the items are those of the caller."""
    return _in_place(dict(header), actions, new_uid)


def _while_looping(of: Callable) -> Callable:
    def wrong(header, actions, new_uid):
        clean = of(header)
        for keyword in clean:
            if actions.get(keyword, "X") == "X":
                del clean[keyword]
            else:
                clean |= deidentify({keyword: clean[keyword]}, actions, new_uid)
        return clean

    return wrong


def _patient_only(left: Callable) -> Callable:
    def wrong(header, actions, new_uid):
        return {
            keyword: value if not keyword.startswith("Patient") else left(value)
            for keyword, value in header.items()
            if not keyword.startswith("Patient") or left(value) is not None
        }

    return wrong


def _own_uid(case: Case, value: Any) -> bool:
    """Some UID became text that is neither the old one, nor empty, nor the new one it should be."""
    header, actions, new_uid = case.args
    for keyword in header if isinstance(value, dict) else ():
        came = value.get(keyword)
        if actions.get(keyword) == "U" and isinstance(came, str):
            if came not in ("", "ANONYMOUS", header[keyword], new_uid(header[keyword])):
                return True
    return False


_COUNTER = itertools.count()

DEIDENTIFY = Exercise(
    id="10.2",
    reference=deidentify,
    cases=_header_cases,
    points=2,
    hints=(
        "Begin with an empty dict and put in what may stay: then what you forget is gone, and does not leak. Go "
        "through "
        "the elements of the header one by one, look up the action, and do it.",
        'What the table does not name is removed: `actions.get(keyword, "X")` looks up the action and gives X where '
        "there is none. A kept value that is a list is a sequence: each of its items is a header of its own.",
        "For a sequence your function calls itself: `[deidentify(item, actions, new_uid) for item in value]`. All "
        "other "
        "kept values go over as they are; Z gives an empty text, D the dummy, U what `new_uid` gives for the value.",
    ),
    why="A table that says what may stay errs on the safe side: a private element of some maker is gone without "
    "anybody having heard of it. Items of a sequence are headers again, so the function calls itself. And a UID is "
    "always replaced by the same new one, so that files that refer to each other still do.",
    misconceptions=(
        Misconception(
            "a new UID of your own",
            "Some UID became another one than `new_uid` gives. One UID for all makes a single image of a whole study, "
            "and a viewer shows one slice; one made up each time, and the slices of a patient no longer find each "
            "other. "
            "The same old UID must always give the same new one: ask `new_uid`.",
            (
                _cleaned(_rule(U=lambda value, new_uid: "1.2.3")),
                _cleaned(_rule(U=lambda value, new_uid: f"2.25.{next(_COUNTER)}")),
                _cleaned(_rule(U=lambda value, new_uid: new_uid(value)[::-1])),
            ),
            sign=_own_uid,
        ),
        Misconception(
            "sequences not entered",
            "A sequence was kept as it is, and there the patient is still called by name. Files name people in "
            "many nested places: the referring physician, the earlier study, the patient's other numbers. Each item "
            "is a header of its own and must be cleaned like one.",
            (
                _cleaned(_rule(), items="none"),
                _cleaned(_rule(), "K", items="none"),
            ),
        ),
        Misconception(
            "only one item or one level",
            "Some items were cleaned, others not: a sequence may hold several, and an item may hold a sequence again. "
            "One item that is left out is enough to find the patient.",
            (
                _cleaned(_rule(), items="first"),
                _cleaned(_rule(), items="outer"),
            ),
        ),
        Misconception(
            "sequences dropped",
            "A sequence that should be kept is gone. That gives nobody away, but the file has lost which images belong "
            "together, and often how to read them. Keep the sequence and clean its items. (A sequence of no items "
            "stays one.)",
            (
                _cleaned(_rule(), items="dropped"),
                _cleaned(_rule(K=lambda value, new_uid: value if value != [] else None)),
            ),
        ),
        Misconception(
            "what the table does not name is kept",
            "You kept what the table does not name. Among that are the private elements: every maker has its own, and "
            "some repeat the patient's name in them. A comment may say who she is without any name. Nobody can list "
            "all "
            "that is dangerous, so list what may stay, and remove the rest.",
            (
                _cleaned(_rule(), "K"),
                _unknown_kept_outside,
                _cleaned(lambda action, value, new_uid, keyword: _rule()(action, value, new_uid, keyword), "Z"),
                _cleaned(_rule(), "D"),
            ),
        ),
        Misconception(
            "what the table does not name stops the program",
            "There is an element that the table does not name. Private elements of scanners' makers are never in it, "
            "and almost every real file has some. What is not named is removed, and the rest of the file is cleaned.",
            (_unknown_stops, _unknown_stops_anywhere),
        ),
        Misconception(
            "UIDs kept",
            "The UIDs are the old ones. Whoever can look into the hospital's archive finds the image by its UID in a "
            "second, and with it the patient. A UID says nothing by itself, but it is a key.",
            (_cleaned(_rule(U=_same)), _cleaned(_rule(U=_same), "K")),
        ),
        Misconception(
            "UIDs emptied or removed",
            "The UIDs are gone. That names nobody, but a file without them is not valid, and references from file to "
            "file break: nobody knows any more which slices are one scan. Each UID gets a new one.",
            (
                _cleaned(_rule(U=_empty)),
                _cleaned(_rule(U=_gone)),
                _cleaned(_rule(U=lambda value, new_uid: "ANONYMOUS")),
            ),
        ),
        Misconception(
            "Z removed",
            "Elements with the action Z are gone, or hold None or a dummy. The standard demands that they be there, "
            "for "
            "example the patient's name, even if empty: some programs refuse a file without. Z keeps the element and "
            "empties it.",
            (
                _cleaned(_rule(Z=_gone)),
                _cleaned(_rule(Z=lambda value, new_uid: "ANONYMOUS")),
                _cleaned(_rule(Z=lambda value, new_uid: " ")),
            ),
        ),
        Misconception(
            "Z kept",
            "Elements with the action Z still say what they said: the patient's name stands in the file that is sent "
            "out. Z empties the value; only the element stays.",
            (_cleaned(_rule(Z=_same)), _cleaned(_rule(Z=_same, D=_same)), _cleaned(_rule(Z=_same, D=_same, U=_same))),
        ),
        Misconception(
            "D emptied or removed",
            "Elements with the action D must hold something: a file without is not valid. Replace the value by the "
            "dummy, which is the same for every patient.",
            (_cleaned(_rule(D=_empty)), _cleaned(_rule(D=_gone))),
        ),
        Misconception(
            "a dummy that is the patient's own",
            "The value with the action D says who it is, or stayed as it was. A dummy is the same for all: a hospital "
            "number, or one made from it without a secret, leads straight to the patient.",
            (
                _cleaned(_rule(D=_same)),
                _cleaned(_rule(D=lambda value, new_uid: hashlib.sha256(str(value).encode()).hexdigest())),
                _cleaned(_rule(D=lambda value, new_uid: hashlib.md5(str(value).encode()).hexdigest())),
            ),
        ),
        Misconception(
            "X emptied",
            "Elements with the action X are still there, empty or with a dummy. X removes the element altogether: "
            "that a "
            "file once had such an element already tells something about where it comes from.",
            (
                _cleaned(_rule(X=_empty)),
                _cleaned(_rule(X=lambda value, new_uid: "ANONYMOUS")),
            ),
        ),
        Misconception(
            "X kept",
            "Elements with the action X are still there: the hospital and the person at the scanner stand in the "
            "file. Together with the date that is often enough to find the patient.",
            (_cleaned(_rule(X=_same)),),
        ),
        Misconception(
            "only the patient's own elements",
            "You looked after the elements called Patient..., and left the others. Who was at which hospital at what "
            "hour is known to many; UIDs lead into the archive; sequences name the patient again. The table decides, "
            "not the name of the element.",
            tuple(_patient_only(left) for left in (lambda value: None, lambda value: "", lambda value: "ANONYMOUS")),
        ),
        Misconception(
            "only K is kept",
            "Everything but the elements with K is gone. The standard has reasons for Z, D and U: without these "
            "elements the file is not valid, and without UIDs nobody knows which files belong together.",
            (_cleaned(_rule(Z=_gone, D=_gone, U=_gone)),),
        ),
        Misconception(
            "in the caller's own header",
            "You changed the header that was handed over, or items within it. The hospital's original is now without "
            "a name, and nobody can say whose image it is. A copy of the outer dict does not help: its sequences are "
            "still the same lists. Make new ones all the way down.",
            (_in_place, _items_in_place),
        ),
        Misconception(
            "removed while looping",
            "You removed elements from the dict that you are looping over, and Python stops at once. (Halfway through: "
            "a part of the patients would be cleaned and a part not.) Build a new dict and put in what may stay.",
            (_while_looping(lambda header: header), _while_looping(dict)),
        ),
    ),
)

# 10.4 -----------------------------------------------------------------------------------------------------------------


def encrypt_volume(volume, key, header):
    """The bytes of a volume, locked with AES-256-GCM: nobody reads them or changes them or the header unnoticed.

    volume: array of any shape; key: 32 bytes; header: bytes that travel beside it unencrypted -> bytes: a nonce of 12
    random bytes, new in every call, then what is encrypted, with its tag
    """
    import os

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, volume.tobytes(), header)


def _volume_cases(rng: np.random.Generator) -> list[Case]:
    def case(volume: np.ndarray, note: str) -> Case:
        header = f"study {rng.integers(10**9):09d}, {volume.shape}, {volume.dtype}".encode()
        return Case((volume, rng.bytes(32), header), note)

    hu = rng.integers(-1000, 1500, size=(4, 6, 5)).astype(np.int16)
    return [
        case(np.arange(-8, 16, dtype=np.int16).reshape(2, 3, 4), "a volume of 24 voxels, 48 bytes"),
        case(hu, "HU, two bytes a voxel"),
        case(rng.normal(size=(3, 4, 2)), "eight bytes a voxel"),
        case(hu.astype(np.float32)[:, ::2, 1:], "every second row of a larger volume"),
    ]


def _opened(key: bytes, nonce: bytes, locked: bytes, header: bytes | None) -> bytes | None:
    """What is inside, or None if the lock does not open."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, locked, header)
    except (InvalidTag, ValueError):
        return None


def _verify_locked(case: Case, value: Any) -> str | None:
    volume, key, header = case.args
    if value is None:
        return "Your function gave back None; bytes were expected. Is the `return` missing?"
    if not isinstance(value, bytes | bytearray):
        return f"Your function gave back a value of type {type(value).__name__}; bytes were expected."
    value, plain, due = bytes(value), volume.tobytes(), 12 + volume.nbytes + 16
    told = f"{len(value)} bytes came; {due} were expected: 12 of nonce, {volume.nbytes} of the volume, 16 of tag."
    inside = _opened(key, value[:12], value[12:], header)
    if inside is None:
        told = told if len(value) != due else f"{due} bytes came, as there should be, but they cannot be opened:"
        return f"{told} With the first 12 bytes as nonce, the key and the header, the lock does not open."
    if inside != plain:
        return f"The lock opens, but {len(inside)} other bytes are inside than the {len(plain)} of the volume."
    if _predictable(case, value):
        return "The lock opens, but the nonce is not drawn by chance."
    return None


def _predictable(case: Case, value: Any) -> bool:
    """A nonce that a random one is not once in a hundred thousand times: constant, readable, counted, or derived."""
    nonce = value[:12] if isinstance(value, bytes | bytearray) else b""
    if len(nonce) < 12:
        return False
    few = len(set(nonce)) <= 3
    return few or all(32 <= letter < 127 for letter in nonce) or _derived(case, nonce) or list(nonce) == list(range(12))


def _derived(case: Case, nonce: bytes) -> bool:
    volume, key, header = case.args
    for source in (header, key, volume.tobytes(), key + header, header + key):
        digests = (hashlib.new(name, source).digest() for name in ("sha256", "md5", "sha1", "sha512"))
        if bytes(nonce) in (source[:12], source[-12:], *(digest[:12] for digest in digests)):
            return True
    return False


def _on_bytes(judge: Callable[..., bool]) -> Callable[[Case, Any], bool]:
    """A sign that looks at the bytes that came: judge(bytes, volume, key, header)."""

    def sign(case: Case, value: Any) -> bool:
        return isinstance(value, bytes | bytearray) and judge(bytes(value), *case.args)

    return sign


def _holds_other_bytes(judge: Callable[[bytes, bytes, bytes], bool]) -> Callable[[Case, Any], bool]:
    """It opens with or without the header; what is inside is not the volume: judge(inside, volume, header)."""

    def sign(value, volume, key, header):
        for extra in (header, None):
            inside = _opened(key, value[:12], value[12:], extra)
            if inside is not None:
                return inside != volume.tobytes() and judge(inside, volume, header)
        return False

    return _on_bytes(sign)


def _header_inside_the_result(value, volume, key, header) -> bool:
    if header not in value:
        return False
    rest = value.replace(header, b"", 1)
    return any(_opened(key, rest[:12], rest[12:], extra) is not None for extra in (header, None))


def _nonce_elsewhere(value, volume, key, header) -> bool:
    return any(_opened(key, value[-12:], value[:-12], extra) is not None for extra in (header, None))


def _other_length(value, volume, key, header) -> bool:
    lengths = (8, 16, 24, 32)
    return any(_opened(key, value[:n], value[n:], extra) is not None for n in lengths for extra in (header, None))


def _without_header(value, volume, key, header) -> bool:
    return _opened(key, value[:12], value[12:], None) is not None


def _locked(
    nonce: Callable | None = None,
    plain: Callable = lambda volume, header: volume.tobytes(),
    extra: Callable = lambda header: header,
    put: Callable = lambda nonce, locked, header: nonce + locked,
) -> Callable:
    """A wrong answer by its parts: nonce(volume, key, header), what is locked, what is protected, what comes out."""

    def wrong(volume, key, header):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        used = nonce(volume, key, header) if nonce else random.SystemRandom().randbytes(12)
        return put(used, AESGCM(key).encrypt(used, plain(volume, header), extra(header)), header)

    return wrong


def _nonce_is_new(encrypt: Callable) -> str | None:
    """Two calls have two nonces, also where the usual random generators start anew."""
    volume, key, header = np.arange(24, dtype=np.int16), bytes(range(32)), b"two calls, one key"

    def nonce(seed):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the learner may use it
        return bytes(encrypt(volume.copy(), key, header))[:12]

    first, second = (bytes(encrypt(volume.copy(), key, header))[:12] for _ in range(2))
    if first == second:
        return (
            "It opens, but two calls with one key had the same nonce. With AES-GCM that is the worst mistake there is: "
            "whoever holds both files gets the difference of the two volumes without the key, and can forge files "
            "that the hospital takes for genuine. Each call needs a new nonce, drawn by chance."
        )
    if nonce(5) == nonce(5):
        return (
            "It opens, but your nonces come from a generator for simulations: started with the same seed, it gives the "
            "same ones, and a notebook that is run again encrypts other patients with the same nonce. Draw them "
            "from the operating system's generator, which is made for secrets."
        )
    return None


ENCRYPT_VOLUME = Exercise(
    id="10.4",
    reference=encrypt_volume,
    cases=_volume_cases,
    verify=_verify_locked,
    holds=_nonce_is_new,
    hints=(
        "Three steps: draw a nonce of 12 bytes, new in every call; encrypt the bytes of the volume with key and nonce; "
        "give back the nonce and, behind it, what is encrypted.",
        "`os.urandom(12)` draws 12 bytes. `AESGCM(key)` is the lock, and its `encrypt` takes three things: nonce, the "
        "bytes to be encrypted, the bytes that are only to be protected from changes. `volume.tobytes()` are the "
        "voxels as bytes.",
        "The third argument of `encrypt` is the header. The result already holds the tag at its end: put the nonce in "
        "front with `+`, and nothing else. The header travels by itself.",
    ),
    why="A nonce is no secret, but must never come twice with one key: so it is drawn anew and travels in front. "
    "The header stays readable, yet the tag covers it too: whoever swaps it for another patient's is found out.",
    misconceptions=(
        Misconception(
            "plain bytes handed over",
            "The voxels stand in the result as they are. Whoever finds the file can read the scan: nothing is locked. "
            "Hand over what `encrypt` gives, not what it was given.",
            (
                _locked(put=lambda nonce, locked, header: nonce + np.arange(-8, 16, dtype=np.int16).tobytes()),
                lambda volume, key, header: random.SystemRandom().randbytes(12) + volume.tobytes(),
                lambda volume, key, header: volume.tobytes(),
            ),
            sign=_on_bytes(lambda value, volume, key, header: volume.tobytes() in value),
        ),
        Misconception(
            "the header put into the result",
            "The header stands in the result. It travels by itself, beside the file: here the receiver takes the "
            "first 12 bytes for the nonce and everything behind it for the volume, and cannot open it.",
            (
                _locked(put=lambda nonce, locked, header: nonce + header + locked),
                _locked(put=lambda nonce, locked, header: header + nonce + locked),
                _locked(put=lambda nonce, locked, header: nonce + locked + header),
            ),
            sign=_on_bytes(_header_inside_the_result),
        ),
        Misconception(
            "the header not protected",
            "The header is not covered by the tag. Somebody can put another patient's header beside the file, and the "
            "hospital opens it without a warning: the scan of one patient under the name of another. Hand the header "
            "to `encrypt` too; it stays readable, but can no longer be exchanged.",
            (_locked(extra=lambda header: None), _locked(extra=lambda header: b"")),
            sign=_on_bytes(_without_header),
        ),
        Misconception(
            "the nonce not handed over",
            "The nonce is missing. Nobody can open the lock without it, not even with the key: the images are lost, "
            "also for the hospital. A nonce is no secret; it travels in front of the file.",
            (_locked(put=lambda nonce, locked, header: locked),),
            sign=_on_bytes(lambda value, volume, key, header: len(value) == volume.nbytes + 16),
        ),
        Misconception(
            "the nonce at the end",
            "The nonce stands behind what is encrypted. The receiver looks for it in front, as agreed, and the lock "
            "does "
            "not open. Nothing in the bytes says where the nonce is, so both sides must keep to one order.",
            (_locked(put=lambda nonce, locked, header: locked + nonce),),
            sign=_on_bytes(_nonce_elsewhere),
        ),
        Misconception(
            "a nonce of another length",
            "The nonce has another length than 12 bytes. The lock takes others too, but the receiver cuts off the "
            "first "
            "12 and cannot open the rest. With 12 bytes AES-GCM uses the nonce as it is, and that is what all "
            "programs expect.",
            tuple(_locked(lambda volume, key, header, n=n: random.SystemRandom().randbytes(n)) for n in (8, 16, 32)),
            sign=_on_bytes(_other_length),
        ),
        Misconception(
            "the header among what is encrypted",
            "The header is inside the lock, in one piece with the voxels. The archive needs it to know where the file "
            "belongs, and cannot read it; and the receiver takes its letters for voxels.",
            (
                _locked(plain=lambda volume, header: header + volume.tobytes()),
                _locked(plain=lambda volume, header: volume.tobytes() + header),
            ),
            sign=_holds_other_bytes(lambda inside, volume, header: header in inside),
        ),
        Misconception(
            "other bytes than the voxels",
            "The lock opens, but what is inside is not the volume: text in place of numbers, or voxels of another "
            "type or in another order. "
            "Printed text leaves out most voxels of a large volume, and one byte a voxel cannot hold -1000 HU. The "
            "receiver reads a wrong scan. Take the bytes of the array as they are.",
            (
                _locked(plain=lambda volume, header: str(volume).encode()),
                _locked(plain=lambda volume, header: repr(volume).encode()),
                _locked(plain=lambda volume, header: volume.astype(np.uint8).tobytes()),
                _locked(plain=lambda volume, header: volume.astype(np.float16).tobytes()),
                _locked(plain=lambda volume, header: volume.tobytes(order="F")),
            ),
            sign=_holds_other_bytes(lambda inside, volume, header: header not in inside),
        ),
        Misconception(
            "a nonce that can be foretold",
            "The nonce is always the same, follows from header, key or volume, or is text and holds less chance than "
            "12 random bytes. Sooner or later two volumes get one "
            "nonce with one key, and whoever holds both files learns how they differ, without the key, and can forge "
            "others. A nonce is drawn by chance, anew in every call.",
            (
                _locked(lambda volume, key, header: bytes(12)),
                _locked(lambda volume, key, header: b"0123456789ab"),
                _locked(lambda volume, key, header: bytes(range(12))),
                _locked(lambda volume, key, header: header[:12]),
                _locked(lambda volume, key, header: hashlib.sha256(header).digest()[:12]),
                _locked(lambda volume, key, header: key[:12]),
                _locked(lambda volume, key, header: hashlib.sha256(volume.tobytes()).digest()[:12]),
            ),
            sign=_predictable,
        ),
        Misconception(
            "two parts in place of one",
            "You gave nonce and encrypted bytes as two things. A file is one row of bytes: join them, the nonce in "
            "front.",
            (_locked(put=lambda nonce, locked, header: (nonce, locked)),),
            sign=lambda case, value: isinstance(value, tuple | list),
        ),
    ),
)
