"""E-mail addresses, plain and disguised.

Addresses at domains reserved for examples (RFC 2606) and the `git@` of a repository are excluded. Three formats:

`email`         ana@correo.es, also in brackets, links and lists, before a bracket and after a slash
`broken_email`  with a blank or a line end after the @ or a point, or inside a hyphenated name
`veiled_email`  disguised from harvesters: `ana [at] correo [punto] es`, `ana arroba correo.es`, `ana&#64;correo.es`

In ambiguous places (`x@w.T(…)`, `a @ b`), the last label must be a top-level domain in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from desdecero.pipelines.corpus.privacy.matches import Match, Strength

_LONGEST_LOCAL, _LONGEST_DOMAIN = 64, 255
"""The longest local part and domain (RFC 5321, §4.5.3.1)."""
_TOP = r"(?:[A-Za-z]{2,18}|xn--[a-z0-9-]{2,30}|[^\W\d_\x00-\u024f]{2,18})"
_DOMAIN = re.compile(rf"(?:[\w-]{{1,63}}\.)+(?P<top>{_TOP})(?![^\W_]|@|_+[^\W_]|\.[^\W\d_])(?P<bracket>[(\[])?")
"""Before a bracket, where Python would call or index (`x@w.T(…)`), the last label must be in use."""
_CUT_DOMAIN = re.compile(rf"(?:[\w-]{{1,63}}\.)+{_TOP}(?![\w@(\[])")
"""A domain directly followed by letters: the part before the last point."""
_RESERVED = re.compile(r"(^|\.)(example(\.(com|org|net|edu))?|test|invalid|localhost|local)$", re.IGNORECASE)

_COUNTRIES = """
    ad ae af ag ai al am ao ar at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cd cf cg ch ci ck
    cl cm cn co cr cu cv cw cy cz de dj dk dm do dz ec ee eg es et eu fi fj fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp
    gq gr gt gu gw gy hk hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc
    li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np
    nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss
    st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt
    za zm zw
"""
_GENERIC = """
    com org net edu gov mil int info biz gob name pro coop aero museum jobs mobi travel cat gal eus tel asia app dev
    online site shop store blog cloud tech xyz email club agency media news studio world life today madrid barcelona lat
"""
_IN_USE = frozenset((_COUNTRIES + _GENERIC).split())
_WORDS_OF_CODE = "as at be by do id in info is it me my name no pro so to us"
_UNMISTAKABLE = _IN_USE.difference(_WORDS_OF_CODE.split())
"""Domains that are not words of a programming language or of English: `x @ self.is`."""

_LINE_END = r"[ \t]{0,2}\n[ \t>]{0,4}"
_BROKEN_DOMAIN = re.compile(
    rf"(?:{_LINE_END}|[ \t]{{1,2}})?[^\W_][\w-]{{0,62}}"
    rf"(?:(?:{_LINE_END}\.?|[ ]\.)[\w-]{{1,63}}|\.(?:{_LINE_END})?[\w-]{{1,63}}){{1,5}}"
)
_COUNTRY_BELOW = re.compile(r"[.][ \t]{0,2}\n[ \t>]{0,4}([a-z]{2})(?!\w)")
_SECOND_LEVEL = frozenset(["com", "edu", "gob", "gov", "org", "net", "co", "ac", "mil", "ltd", "nom"])
"""Labels before a country's domain: `@correo.com.` and `ar` on the next line."""
_SPACED_DOMAIN = re.compile(r"[ ](?!www\.)[\w-]{3,63}(?:\.[\w-]{2,63}){1,4}(?![\w(\[])")
_BLANK_BEFORE = re.compile(
    r"(?:(?i:correos?|e-?mails?|mail|escrib\w+ a|contact\w*|env[íi]\w+ a)[ \t:]{1,3}[\w%+.-]{1,63}"
    r"|(?<![\w.@])[\w%+-]*[._0-9][\w%+.-]*)[ \n]$"
)
"""Text before an @ that follows a blank or a line end: an introduced name, or one written as local parts are; not
`gracias @bar.es`."""
_CUT_LOCAL = re.compile(r"(?:[\w%+]+[-_.])+[ \t]?\n[ \t>]{0,4}$")
_INTRODUCED = re.compile(r"[:<(\[,;][ \t]{0,3}$")

_VEILED_SIGN = re.compile(
    r"[\[({<][ ]?(?i:at|arroba|@)[ ]?[\])}>]|&#0{0,4}64;|&#[xX]0{0,4}40;|&commat;|%40"
    r"|(?<=[ \t])(?:(?i:arroba)|AT)(?=[ \t])|(?<=\w)[_-]arroba[_-](?=\w)"
)
_VEILS = ("at]", "at)", "at ]", "at}", "AT", "@)", "rroba", "RROBA", "&#", "&comm", "%40")
"""One is in each of them, to find quickly where to look."""
_VEILED_POINT = (
    r"(?:\.|[ ]?[\[({<][ ]?(?i:dot|punto|ponto|\.)[ ]?[\])}>][ ]?|&#0{0,4}46;|&#[xX]0{0,4}2[eE];|&period;"
    r"|[ \t](?i:dot|punto|ponto)[ \t]|[-_](?i:dot|punto)[-_])"
)
_SPELLED = re.compile(
    rf"(?<![\w.@-])[\w%+-]{{1,64}}(?:[ ](?i:dot|punto)[ ][\w%+-]{{1,64}}){{0,2}}[ ](?i:at)[ ]"
    rf"(?:[\w-]{{1,63}}[ ](?i:dot|punto|ponto)[ ]){{1,3}}({_TOP})(?![\w-])"
)
"""`ana at correo dot es`"""
_SAID = re.compile(
    r"(?i:look|looking|meet\w*|was|were|is|are|be|it|him|her|me|us|them|works?|working|available|live|online|visit|found|find"
    r"|hosted|buy|shop|sold|website|site|page|store|blog|conference|talk|job) at\b"
    r"|.* (?i:at) (?:(?i:the|a|this|that|our|my|your) )|(?=.*[a-z]).*[A-Z]"
)
"""Use of `at` for a place in English, or before a firm in its capitals: `the meeting at Google dot com`."""
_POINTS_SPELLED = (" dot ", " Dot ", " DOT ", " punto ", " Punto ", " PUNTO ", " ponto ")
_VEILED_LOCAL = re.compile(rf"(?<![\w.%+-])(?<!//)[\w%+-]{{1,64}}(?:{_VEILED_POINT}[\w%+-]{{1,64}}){{0,4}}$")
_VEILED_DOMAIN = re.compile(rf"(?:[\w-]{{1,63}}{_VEILED_POINT}){{1,4}}({_TOP})(?![^\W_])")


def find_emails(text: str) -> Iterator[Match]:
    """Find addresses in all formats."""
    yield from _find_written(text)
    yield from _find_veiled(text)
    yield from _find_spelled(text)


def _find_written(text: str) -> Iterator[Match]:
    end, sign = 0, text.find("@")
    while sign >= 0:
        spaced = text[sign - 1 : sign + 2] == " @ "
        stop = _end_of_domain(text, sign, spaced)
        start = _start_of_local(text, sign - spaced, end) if stop else sign
        named = start < sign - spaced and not (spaced and text[start : sign - 1].isdigit())
        if stop and named and _is_personal(text[start:sign].rstrip(), text[sign + 1 : stop]):
            form = "broken_email" if re.search(r"\s", text[start:stop]) else "email"
            yield Match(_beginning(text, start), stop, "email", form, Strength.CHECKED)
            end = stop
        sign = text.find("@", max(end, sign + 1))


def _end_of_domain(text: str, sign: int, spaced: bool) -> int | None:
    stop = sign + 1 + _LONGEST_DOMAIN
    domain = _DOMAIN.match(text, sign + 1, stop)
    if domain and (not domain["bracket"] or domain["top"].lower() in _IN_USE):
        country = _COUNTRY_BELOW.match(text, domain.end("top")) if domain["top"].lower() in _SECOND_LEVEL else None
        return country.end() if country and country[1] in _IN_USE else domain.end("top")
    broken = (_SPACED_DOMAIN if spaced else _BROKEN_DOMAIN).match(text, sign + 1, stop)
    if broken is None or not re.search(r"\s", broken[0]):
        cut = _CUT_DOMAIN.match(text, sign + 1, stop)
        return cut.end() if cut and not domain else None
    # It ends with a top-level domain in use: the text on the next line is another word.
    labels = list(re.finditer(r"[\w-]+", broken[0]))
    while labels and labels[-1][0].lower() not in (_UNMISTAKABLE if spaced else _IN_USE):
        labels.pop()
    length = labels[-1].end() if labels else 0
    return sign + 1 + length if "." in broken[0][:length] else None


def _start_of_local(text: str, end: int, least: int) -> int:
    """Return the start of the local part before `end`; `end` if there is none."""
    start, least = end, max(least, end - _LONGEST_LOCAL)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in "_.%+-"):
        start -= 1
    if start == end and end > least and text[end - 1] in " \n":
        apart = _BLANK_BEFORE.search(text, max(0, end - 96), end)
        return end if apart is None else _start_of_local(text, end - 1, least)
    if text[start - 2 : start] == "//" or (start == least and start and text[start - 1].isalnum()):
        return end  # a web address, or longer than a local part may be
    return start


def _beginning(text: str, start: int) -> int:
    """Return the start of the address: on the line before, if its local part was split there."""
    line = text.rfind("\n", 0, start)
    if line < 0 or text[line + 1 : start].strip(" \t>"):
        return start
    cut = _CUT_LOCAL.search(text, max(0, line - _LONGEST_LOCAL), start)
    if cut is None:
        return start
    joined = text[line - 1] in "-_" or text[cut.start() : line].count(".") > 1
    return cut.start() if joined or _INTRODUCED.search(text[max(0, cut.start() - 4) : cut.start()]) else start


def _find_veiled(text: str) -> Iterator[Match]:
    for veil in _VEILS:
        place, end = text.find(veil), 0
        while place >= 0:
            apart = veil != "AT" or text[place + 2 : place + 3] in ("]", ")", " ")
            sign = _VEILED_SIGN.search(text, max(end, place - 4), place + 12) if apart else None
            if sign and (match := _veiled(text, sign)):
                yield match
            end = max(sign.end() if sign else 0, place + 1)
            place = text.find(veil, end)


def _veiled(text: str, sign: re.Match[str]) -> Match | None:
    behind = sign.end() + text.startswith(" ", sign.end())
    domain = _VEILED_DOMAIN.match(text, behind, behind + _LONGEST_DOMAIN)
    before = text[max(0, sign.start() - _LONGEST_LOCAL - 1) : sign.start()]
    local = _VEILED_LOCAL.search(before.removesuffix(" ")) if domain else None
    sure = domain and (sign[0][0] in "[({<&" or domain[1].lower() in _IN_USE)
    if not sure or not domain or not local or not _is_personal(local[0], domain[0]):
        return None
    start = sign.start() - before.endswith(" ") - len(local[0])
    return Match(start, domain.end(), "email", "veiled_email", Strength.CHECKED)


def _find_spelled(text: str) -> Iterator[Match]:
    if " at " not in text and " AT " not in text:
        return
    for point in _POINTS_SPELLED:
        end, place = 0, text.find(point)
        while place >= 0:
            first = max(end, place - 2 * _LONGEST_LOCAL)
            end = place + len(point)
            for match in _SPELLED.finditer(text, first, end + _LONGEST_LOCAL):
                if match[1].lower() in _IN_USE and match.end() > end and not _SAID.match(match[0]):
                    yield Match(*match.span(), "email", "veiled_email", Strength.CHECKED)
                    end = match.end()
            place = text.find(point, end - 1)


def _is_personal(local: str, domain: str) -> bool:
    return local.lower() != "git" and not _RESERVED.search("".join(domain.split()))
