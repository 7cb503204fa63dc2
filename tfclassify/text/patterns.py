"""What personal data look like, as patterns of RE2; texts meet them when :mod:`tfclassify.text.masking` does.

Lengths of account numbers are those of the registry of ISO 13616, forms of phone numbers those of the countries'
numbering plans.
"""

from __future__ import annotations

from collections.abc import Mapping

# A space of any width, a hyphen or a dash of any length; phone numbers have more between their groups.
SPACE = r"[ \x{a0}\x{2009}\x{202f}]"
HYPHEN = r"[\-\x{2010}-\x{2013}]"
GAP = r"[ \x{a0}\x{2009}\x{202f}\-\x{2010}-\x{2013}]"
PHONE_GAP = r"[ \x{a0}\x{2009}\x{202f}\-\x{2010}-\x{2013}./]"

# Ends of what is before, begins of what is behind: masks are brackets of U+0002 to U+0005 while they are made.
# Chinese or Thai, written without spaces, say nothing about where a number ends.
WORD_GOES_ON = (
    r"[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Arabic}\p{Devanagari}\pN_\x02-\x05]"
)
GOES_ON = rf"{WORD_GOES_ON}|\.[0-9\x02\x04]"

# The last @ before the end of the authority is the one that ends the password.
CREDENTIALS = r"([A-Za-z][A-Za-z0-9+.\-]*://)[^\s/?#:\x01-\x05]*:[^\s/?#\x01-\x05]*@"

# Scripts that put spaces between words; in the others an address ends where their letters begin.
_LETTER = r"A-Za-z\p{Latin}\p{Greek}\p{Cyrillic}"
_LABEL = rf"[0-9{_LETTER}](?:[0-9{_LETTER}\-]*[0-9{_LETTER}])?"
EMAIL = (
    rf"[0-9_%+{_LETTER}](?:[0-9_%+.'&=~\-{_LETTER}]*[0-9_%+=~\-{_LETTER}])?"
    rf"@(?:{_LABEL}\.)+(?:xn--[0-9A-Za-z\-]*[0-9A-Za-z]|[{_LETTER}]{{2,}})"
)
# Pictures for dense screens: icon@2x.png.
NO_EMAIL = r".*@[1-9](?:\.[0-9])?x\.[a-z]+"

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
IPV4 = rf"\b{_OCTET}(?:\.{_OCTET}){{3}}\b"
_VERSIONS = r"version|versión|ver|vers|release|build|firmware|driver|update|patch|rev|revision|bios|v"
_SECTIONS = r"section|sec|chapter|clause|paragraph|article|figure|fig|table|kapitel|abschnitt|ziffer|chapitre"
IPV4_UNLESS_BEFORE = rf"(?i:\b(?:{_VERSIONS}|{_SECTIONS})[ .:=#]{{0,3}}|§ ?|[A-Za-z][/\-]|\.)"

_HEX = r"[0-9A-Fa-f]{1,4}"
# Shortened addresses begin with a group of three or four digits, as all that are routed do: a[1::2] is no address.
_SHORTENED = (
    rf"[0-9A-Fa-f]{{3,4}}(?::{_HEX}){{0,6}}::(?:{_HEX}(?::{_HEX}){{0,5}})?",
    rf"::(?i:ffff):{_OCTET}(?:\.{_OCTET}){{3}}",
)
IPV6 = rf"\b{_HEX}(?::{_HEX}){{7}}\b|\b{_SHORTENED[0]}|{_SHORTENED[1]}\b"
IPV6_UNLESS = r"[A-Fa-f:]+"
IPV6_UNLESS_BEFORE = r":"
IPV6_UNLESS_AFTER = r":[0-9A-Fa-f:\x02\x04]"

IBAN_LENGTHS: Mapping[int, str] = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO EG GT HU LB NI PL SV",
    29: "BR PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBANS = "|".join(
    rf"(?:{'|'.join(countries.split())}){GAP}?[0-9]{GAP}?[0-9](?:{GAP}?[0-9A-Z]){{{length - 4}}}"
    for length, countries in IBAN_LENGTHS.items()
)
IBAN = rf"(?i:\b(?:{_IBANS})\b)"

_GROUPED = rf"[0-9](?:(?:{GAP}|\.)?[0-9])"
CARD_RUN = rf"\b{_GROUPED}{{12,}}\b"
CARD_UNLESS_BEFORE = r"[.+]"

_SSN = r"(?:00[1-9]|0[1-9][0-9]|[1-578][0-9][0-9]|6[0-57-9][0-9]|66[0-57-9])"
_SSN_REST = r"(?:0[1-9]|[1-9][0-9])%s(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_NINO = r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"
_CODICE_FISCALE = r"(?i:[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z])"
_CPF = r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"
# US social security, UK national insurance, Italian codice fiscale, Brazilian CPF.
IDENTITIES = rf"\b(?:{_SSN}-{_SSN_REST % '-'}|{_NINO}|{_CODICE_FISCALE}|{_CPF})\b"
NO_NINO = r"(?:BG|GB|KN|NK|NT|TN|ZZ).*"

_BETWEEN = r"[^0-9\n\x01-\x05]{0,20}?"
_ELEVEN = r"[1-9](?: ?[0-9]){10}"
_STEUER_ID = r"steuer-?id(?:entifikationsnummer|entifikations-nr|nr)?|steuerliche identifikationsnummer|id-?nr|idnr"
# Told only by the words in front of them: US social security, German Steuer-ID, Polish PESEL, Dutch BSN, Aadhaar.
IDENTITIES_IN_CONTEXT = (
    rf"(\b(?i:ssn|social security(?: number| no| #)?)\b{_BETWEEN})\b{_SSN}{GAP}?{_SSN_REST % f'{GAP}?'}\b",
    rf"(\b(?i:{_STEUER_ID}|tin|pesel)\b{_BETWEEN})\b{_ELEVEN}\b",
    rf"(\b(?i:bsn|burgerservicenummer)\b{_BETWEEN})\b[0-9](?:[ .]?[0-9]){{7,8}}\b",
    rf"(\b(?i:aadhaar|aadhar|uidai)\b{_BETWEEN})\b[2-9][0-9]{{3}}{GAP}?[0-9]{{4}}{GAP}?[0-9]{{4}}\b",
)
_INSEE_PLACE = rf"{GAP}?(?:[0-9]{{2}}|2[ABab]){GAP}?[0-9]{{3}}{GAP}?[0-9]{{3}}{GAP}?[0-9]{{2}}"
INSEE = rf"\b[12]{GAP}?[0-9]{{2}}{GAP}?(?:0[1-9]|[1-9][0-9]){_INSEE_PLACE}\b"
CHINESE_IDENTITY = r"\b[1-8][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]\b"
DNI = r"\b(?:[0-9]{8}|[XYZxyz]-?[0-9]{7})-?[A-HJ-NP-TV-Za-hj-np-tv-z]\b"

_COUNTRY = r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9][0-9]{2})"
_DIGIT = rf"(?:{PHONE_GAP}{{0,3}}(?:\({SPACE}?[0-9]{{1,5}}{SPACE}?\)|[0-9]))"
_NEAR_DIGIT = rf"(?:{PHONE_GAP}?[0-9])"
_PHONES = (
    # +49 (0)171 123 45 67, (+33) 1 23 45 67 89, 0044 20 7946 0958
    rf"(?:\+{SPACE}?{_COUNTRY}|\(\+{_COUNTRY}\)|\b00{GAP}?{_COUNTRY}){_DIGIT}{{5,11}}{PHONE_GAP}{{0,3}}[0-9]",
    # (212) 555-0123, 1-800-555-0199, 212.555.0123
    rf"(?:\b1{PHONE_GAP})?(?:\([2-9][0-9]{{2}}\){PHONE_GAP}?|\b[2-9][0-9]{{2}}{PHONE_GAP})[2-9][0-9]{{2}}{PHONE_GAP}[0-9]{{4}}",
    # 020 7946 0958, 01 23 45 67 89, 0171/1234567, 0412 345 678, 03-1234-5678, (030) 901820
    rf"(?:\(0[1-9][0-9]{{0,4}}\)|\b0[1-9][0-9]{{0,4}}){PHONE_GAP}{{1,3}}[0-9]{_NEAR_DIGIT}{{4,9}}",
    # 07911123456, 0612345678, 01711234567
    r"\b0[1-9][0-9]{8,9}",
    # 13800138000, 138-0013-8000
    rf"\b1[3-9][0-9]{GAP}?[0-9]{{4}}{GAP}?[0-9]{{4}}",
    # 98765 43210
    rf"\b[6-9][0-9]{{4}}{GAP}[0-9]{{5}}",
    # (11) 91234-5678
    rf"\([1-9][0-9]\){SPACE}?9?[0-9]{{4}}{GAP}[0-9]{{4}}",
    # 8 (912) 345-67-89
    rf"\b8{GAP}?\(?9[0-9]{{2}}\)?{GAP}?[0-9]{{3}}{GAP}[0-9]{{2}}{GAP}[0-9]{{2}}",
)
PHONE = rf"(?:{'|'.join(_PHONES)})\b"
# A date, or a grouped number with too few digits to ring anybody.
_YEAR = r"(?:18|19|20)[0-9]{2}"
_DATE = rf"(?:[0-9]{{1,2}}[./\-][0-9]{{1,2}}[./\-]{_YEAR}|{_YEAR}[./\-][0-9]{{1,2}}[./\-][0-9]{{1,2}})"
PHONE_UNLESS = rf"(?:.*[^0-9])?{_DATE}(?:[^0-9].*)?"
_NUMBERED = (
    r"order|invoice|ticket|case|claim|ref|reference|tracking|serial|sku|upc|ean|part|item|isbn|issn|doi|model|bill|"
    r"receipt|transaction|policy|article|batch|lot|bestellung|bestellnummer|bestell-nr|auftrag|auftragsnummer|"
    r"rechnung|rechnungsnummer|kundennummer|vertragsnummer|artikelnummer|artikel|commande|facture|pedido|factura|"
    r"ordine|fattura|order ?id|id"
)
_NUMBER_WORDS = r"(?:(?: |-)?(?:no|nr|num|number|code|id|n°|nº|numero|número|numéro)\b\.?)?(?: is| was| ist| est)?"
PHONE_UNLESS_BEFORE = rf"(?i:\b(?:{_NUMBERED})s?{_NUMBER_WORDS}[ :#=.\-]{{0,4}})|[#$€£¥=/\\*_@&.\-]"
PHONE_UNLESS_AFTER = (
    r"[%€$£¥°=\\*_@#&]|[\-/][\pL\pN\x02\x04]|\.[a-z]| ?(?i:usd|eur|gbp|euro|euros|dollars|kg|km|mm|cm|bytes)\b"
)

# Any number of enough digits is one to call when the words in front say so.
CALLED_RUN = rf"(?:\({SPACE}?[0-9]{{1,5}}{SPACE}?\)|\b[0-9]){_DIGIT}{{4,12}}{PHONE_GAP}{{0,3}}[0-9]\b"
_CALLS = (
    r"tel|tél|telephone|téléphone|telefon|telefonnummer|teléfono|telefono|telefone|phone|phone number|mobile|mobil|"
    r"handy|handynummer|cell|cellphone|fax|whatsapp|móvil|movil|celular|portable|cellulare|rufnummer|hotline|sms|"
    r"call|dial|text me|text us|call me|call us|ring me|reach me|ruf|anrufen|appelez|llame|тел|телефон|电话|手机|電話"
)
CALLED = (
    rf"(?i:(?:^|[^\pL])(?:{_CALLS})(?: ?(?:no|nr|number|nummer|num)\b\.?)?"
    rf"(?: (?:is|at|on|under|unter|ist|me|us|back|est|al|au|to))*[.:=\- ]{{0,4}}|电话|手机|電話[:：]?)[ (]?"
)
