"""Writes time_zones.json and special_numbers.json, which the dial gate reads numbers with.

    python3 -m venv venv
    venv/bin/pip install phonenumbers==9.0.43 tzdata==2026.6 regex==2026.11.19
    venv/bin/python src/gate/tables/generate.py

Sources, both by the pinned packages above:

- Google's libphonenumber (`phonenumbers` carries its data): which number ranges lie in which time
  zones, emergency numbers and short codes, premium-rate and shared-cost ranges.
- The IANA time zone database (`tzdata`, zone.tab): the zones of each territory.

libphonenumber alone would not do. It names a zone that stands for several, and that one keeps other
hours in some territories: Europe/Paris for Algeria, America/Chicago for Nicaragua, Europe/Bucharest
for Palestine and Kaliningrad, an hour off for half of the year. So a range counts only where its
zones are the territory's own by IANA, or have kept and will keep the same time; else the territory's
zones hold.
"""

import datetime
import importlib.resources
import json
import pathlib
import zoneinfo

import phonenumbers
import regex
import tzdata
from phonenumbers import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

HERE = pathlib.Path(__file__).parent
SOURCE = f"Google libphonenumber {phonenumbers.__version__}, IANA time zones {tzdata.IANA_VERSION}"
TERRITORIES = {
    code: [region for region in regions if region != "001"]
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
}

# Territories with a calling code and without an ISO code of their own in zone.tab.
WITHOUT_ROWS = {
    "AC": ["Atlantic/St_Helena"],
    "TA": ["Atlantic/St_Helena"],
    "XK": ["Europe/Belgrade"],
}

# How far two zones are compared, and how often: no change of the clocks is undone within six hours.
COMPARED_FROM = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
COMPARED_INSTANTS = [
    COMPARED_FROM + datetime.timedelta(hours=6 * step) for step in range(4 * 365 * 8)
]

# A range that only more digits tell from ordinary ones is left to libphonenumber's own types.
LONGEST_COSTLY_RANGE = 5

COSTLY = ["premium_rate", "shared_cost"]
OTHERS = [
    "fixed_line",
    "mobile",
    "toll_free",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
]


def main():
    zoneinfo.reset_tzpath(())  # tzdata's, not this machine's
    territories = zones_of_territories()
    write(
        "time_zones.json",
        {"source": SOURCE, "territories": territories, "ranges": ranges(territories)},
    )
    codes = {str(code): special_numbers(code) for code in sorted(TERRITORIES)}
    write("special_numbers.json", {"source": SOURCE, "callingCodes": codes})


def zones_of_territories():
    zones = dict(WITHOUT_ROWS)
    table = importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab"
    for line in table.read_text().splitlines():
        if not line.startswith("#"):
            territory, _, zone = line.split("\t")[:3]
            zones.setdefault(territory, []).append(zone)
    used = sorted({region for regions in TERRITORIES.values() for region in regions})
    return {region: sorted(zones[region]) for region in used}


def ranges(territories):
    """{"zone zone": ["leading digits", …]}: of ranges that lie in less than their country."""
    kept = {}
    for digits, zones in sorted(TIMEZONE_DATA.items()):
        code = next(digits[:n] for n in (1, 2, 3) if int(digits[:n]) in TERRITORIES)
        own = {zone for region in TERRITORIES[int(code)] for zone in territories[region]}
        clocks = {clock(zone) for zone in own}
        if digits == code or not all(zone in own or clock(zone) in clocks for zone in zones):
            continue
        kept[digits] = " ".join(sorted(zones))
    # libphonenumber lists what differs from the rest of an area code, by the numbers given out when
    # its table was made. Of the others nobody knows in which part of the area they will be.
    widened = {
        digits: " ".join(sorted({zone for zones in parts(kept, digits) for zone in zones.split()}))
        for digits in kept
    }
    by_zones = {}
    for digits, zones in widened.items():
        shorter = (widened.get(digits[:n]) for n in range(len(digits) - 1, 0, -1))
        if next(filter(None, shorter), None) != zones:
            by_zones.setdefault(zones, []).append(digits)
    return dict(sorted(by_zones.items()))


def parts(kept, digits):
    return [zones for other, zones in kept.items() if other.startswith(digits)]


CLOCKS = {}


def clock(zone):
    """What the clocks of a zone show; equal for zones that nobody can tell apart."""
    if zone not in CLOCKS:
        info = zoneinfo.ZoneInfo(zone)
        CLOCKS[zone] = tuple(at.astimezone(info).utcoffset() for at in COMPARED_INSTANTS)
    return CLOCKS[zone]


def special_numbers(code):
    shorts = [PhoneMetadata.short_metadata_for_region(region) for region in TERRITORIES[code]]
    return {
        "emergency": alternatives(short.emergency for short in shorts if short),
        "short": alternatives(short.short_code for short in shorts if short),
        "costly": costly_ranges(code),
    }


def alternatives(descriptions):
    patterns = {one.national_number_pattern for one in descriptions if one}
    return "|".join(sorted(patterns - {None}))


def costly_ranges(code):
    """The shortest leading digits that only premium-rate and shared-cost numbers have."""
    plans = [PhoneMetadata.metadata_for_region(region) for region in TERRITORIES[code]]
    if not plans:
        plans = [PhoneMetadata.metadata_for_nongeo_region(code)]

    def of(kinds):
        found = (getattr(plan, kind) for plan in plans for kind in kinds)
        patterns = {one.national_number_pattern for one in found if one}
        return [regex.compile(pattern) for pattern in sorted(patterns - {None})]

    def can_begin(digits, patterns):
        return any(pattern.fullmatch(digits, partial=True) for pattern in patterns)

    costly, others = of(COSTLY), of(OTHERS)
    found, candidates = [], list("0123456789")
    while candidates:
        digits = candidates.pop(0)
        if not can_begin(digits, costly):
            continue
        if not can_begin(digits, others):
            found.append(digits)
        elif len(digits) < LONGEST_COSTLY_RANGE:
            candidates.extend(digits + digit for digit in "0123456789")
    return sorted(found)


def write(name, table):
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    # A line for each entry, so that a new version can be read as a difference.
    text = regex.sub(r'((?:\]|\}|"),)(?="[^"]*":)', r"\1\n", text).replace(':{"', ':{\n"')
    (HERE / name).write_text(text + "\n")


if __name__ == "__main__":
    main()
