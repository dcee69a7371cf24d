"""Identifiers planted in every kind of place that a DICOM object has."""

import copy

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence

NAME, NUMBER, WORD = "Zwetschgenbaum^Ottilie", "MRN77410093", "Kwiatkowska"
DAY, AFTERNOON, ADDRESS = "19371104", "154237.118203", "Hinterm Deich 17"
ROOT = "1.3.999.7741"  # of UIDs
TEXT = f"{WORD} saw Zwetschgenbaum, {NUMBER}, at {ADDRESS}"
PLANTED = [NAME, "Zwetschgenbaum", "Ottilie", NUMBER, WORD, DAY, AFTERNOON, ADDRESS, ROOT]

STANDARD = {
    **dict.fromkeys("PatientName ReferringPhysicianName OperatorsName PerformingPhysicianName".split(), NAME),
    **dict.fromkeys("NameOfPhysiciansReadingStudy RequestingPhysician PatientMotherBirthName".split(), NAME),
    **dict.fromkeys("EvaluatorName".split(), NAME),  # not in the table
    **dict.fromkeys("PatientID OtherPatientIDs AccessionNumber StudyID DeviceSerialNumber".split(), NUMBER),
    **dict.fromkeys("PatientTelephoneNumbers AdmissionID".split(), NUMBER),
    **dict.fromkeys("PlacerOrderNumberProcedure HangingProtocolName".split(), NUMBER),  # not in the table
    **dict.fromkeys("StudyDate SeriesDate AcquisitionDate ContentDate PatientBirthDate".split(), DAY),
    **dict.fromkeys("SecondaryReviewDate DateOfGainCalibration".split(), DAY),  # not in the table
    **dict.fromkeys("AcquisitionDateTime FrameAcquisitionDateTime".split(), DAY + AFTERNOON),
    **dict.fromkeys("StudyTime SeriesTime ContentTime".split(), AFTERNOON),
    **dict.fromkeys("InstitutionName InstitutionAddress PatientAddress".split(), ADDRESS),
    **dict.fromkeys("StationName ScheduledStationAETitle PerformedStationName".split(), WORD),
    "PatientAge": "089Y",
}
FREE = dict.fromkeys(
    "StudyDescription SeriesDescription ImageComments PatientComments AdditionalPatientHistory ProtocolName "
    "DerivationDescription ContrastBolusAgent AcquisitionProtocolDescription TextComments "
    "RequestedProcedureDescription CommentsOnTheScheduledProcedureStep SegmentDescription ReferenceLocationDescription "
    "WindowCenterWidthExplanation DoseComment GraphicLayerDescription DetectorDescription".split(),
    TEXT,
)


def item(**values) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def private(dataset: Dataset) -> None:
    block = dataset.private_block(0x0029, f"{WORD} 1.0", create=True)
    block.add_new(1, "LO", TEXT[:60])
    block.add_new(2, "PN", NAME)
    block.add_new(3, "UN", b"\1\2" + TEXT.encode("utf-16-le") + b"\0")
    block.add_new(4, "OB", TEXT.lower().encode() + b"\0" * (len(TEXT) % 2))
    block.add_new(5, "SQ", Sequence([item(PatientName=NAME, ImageComments=TEXT)]))
    block.add_new(6, "UI", f"{ROOT}.6")


def plant(given: Dataset) -> Dataset:
    """A copy with identifiers in standard, private, nested and free-text places, overlays, curves and file meta."""
    dataset = copy.deepcopy(given)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    for keyword, value in (STANDARD | FREE).items():
        setattr(dataset, keyword, value)
    dataset.add_new("BodyPartExamined", "CS", f"Knee of {WORD}")
    dataset.add_new((0x0008, 0x0102), "UN", TEXT.encode() + b" " * (len(TEXT) % 2))  # CodingSchemeDesignator, mistyped
    dataset.add_new((0x0020, 0xEEEE), "LO", NUMBER)  # in no dictionary
    private(dataset)
    own = item(CodeValue=NUMBER, CodingSchemeDesignator="99HOME", CodeMeaning=TEXT[:60])
    leaf = item(RelationshipType="CONTAINS", ValueType="PNAME", PersonName=NAME, ConceptNameCodeSequence=[own])
    node = item(ValueType="TEXT", TextValue=TEXT, ObservationDateTime=DAY, UID=f"{ROOT}.5", ContentSequence=[leaf])
    private(leaf)
    reference = item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.2")
    reference.PurposeOfReferenceCodeSequence, reference.ImageComments = [own], TEXT
    private(reference)
    dataset.ReferencedImageSequence = [reference]
    dataset.RequestAttributesSequence = [item(ScheduledProcedureStepDescription=TEXT, RequestedProcedureID=NUMBER)]
    dataset.ContentSequence = [node, copy.deepcopy(node)]
    dataset.AnatomicRegionSequence = [copy.deepcopy(own)]
    dataset.GraphicAnnotationSequence = [
        item(ReferencedImageSequence=[copy.deepcopy(reference)], TextObjectSequence=[item(UnformattedTextValue=TEXT)])
    ]
    deepest = item(FrameComments=TEXT, FrameReferenceDateTime=DAY, PatientName=NAME, DimensionIndexValues=1)
    private(deepest)
    dataset.SourceSequence = [item(ReferencedRawDataSequence=[item(FrameContentSequence=[deepest])])]
    dataset.add_new((0x6002, 0x0022), "LO", TEXT[:60])
    dataset.add_new((0x6002, 0x4000), "LT", TEXT)
    dataset.add_new((0x6002, 0x3000), "OW", TEXT.encode() + b" " * (len(TEXT) % 2))
    dataset.add_new((0x5000, 0x2500), "LO", TEXT[:60])
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        if keyword not in dataset:
            setattr(dataset, keyword, f"{ROOT}.{len(keyword)}")
    dataset.DeviceUID, dataset.TrackingUID, dataset.AssertionUID = f"{ROOT}.7", f"{ROOT}.8", f"{ROOT}.9"
    meta = getattr(dataset, "file_meta", None)
    if meta is not None:
        meta.SourceApplicationEntityTitle, meta.MediaStorageSOPInstanceUID = WORD, f"{ROOT}.1"
        meta.PrivateInformationCreatorUID, meta.PrivateInformation = (
            f"{ROOT}.3",
            TEXT.encode() + b"\0" * (len(TEXT) % 2),
        )
        dataset.preamble = NAME.encode().ljust(128, b"\0")
    return dataset


def own_identifiers(dataset: Dataset) -> set[str]:
    """Names, numbers, dates and instance UIDs that a file brought along, long enough to be found by no chance."""
    found = set()
    for element in dataset.iterall():
        keyword = keyword_for_tag(element.tag)
        instance = element.VR == "UI" and "Class" not in keyword and "Syntax" not in keyword
        if element.VR in ("PN", "DA") or keyword == "PatientID" or instance:
            found |= {str(one) for one in (element.value if element.VM > 1 else [element.value])}
    return {text for text in found if len(text) >= 8 and not text.startswith("1.2.840.10008.")}
