"""Whether two marks of a language mean the same, as `de`, `deu`, `ger` and `de-AT` do.

Files mark their tracks with three letters (ISO 639-2, of which twenty languages have two), people ask with two.
"""

_CODES = """
aa aar|ab abk|af afr|ak aka|am amh|an arg|ar ara|as asm|av ava|ay aym|az aze|ba bak|be bel|bg bul|bh bih|bi bis|bm bam|
bn ben|bo bod tib|br bre|bs bos|ca cat|ce che|ch cha|co cos|cr cre|cs ces cze|cu chu|cv chv|cy cym wel|da dan|
de deu ger|dv div|dz dzo|ee ewe|el ell gre|en eng|eo epo|es spa|et est|eu eus baq|fa fas per|ff ful|fi fin|fj fij|
fo fao|fr fra fre|fy fry|ga gle|gd gla|gl glg|gn grn|gu guj|gv glv|ha hau|he heb iw|hi hin|ho hmo|hr hrv scr|ht hat|
hu hun|hy hye arm|hz her|ia ina|id ind in|ie ile|ig ibo|ii iii|ik ipk|io ido|is isl ice|it ita|iu iku|ja jpn|jv jav jw|
ka kat geo|kg kon|ki kik|kj kua|kk kaz|kl kal|km khm|kn kan|ko kor|kr kau|ks kas|ku kur|kv kom|kw cor|ky kir|la lat|
lb ltz|lg lug|li lim|ln lin|lo lao|lt lit|lu lub|lv lav|mg mlg|mh mah|mi mri mao|mk mkd mac|ml mal|mn mon|mr mar|
ms msa may|mt mlt|my mya bur|na nau|nb nob|nd nde|ne nep|ng ndo|nl nld dut|nn nno|no nor|nr nbl|nv nav|ny nya|oc oci|
oj oji|om orm|or ori|os oss|pa pan|pi pli|pl pol|ps pus|pt por|qu que|rm roh|rn run|ro ron rum mo mol|ru rus|rw kin|
sa san|sc srd|sd snd|se sme|sg sag|si sin|sk slk slo|sl slv|sm smo|sn sna|so som|sq sqi alb|sr srp scc|ss ssw|st sot|
su sun|sv swe|sw swa|ta tam|te tel|tg tgk|th tha|ti tir|tk tuk|tl tgl fil|tn tsn|to ton|tr tur|ts tso|tt tat|tw twi|
ty tah|ug uig|uk ukr|ur urd|uz uzb|ve ven|vi vie|vo vol|wa wln|wo wol|xh xho|yi yid ji|yo yor|za zha|zh zho chi|zu zul
"""
"""ISO 639-1, then 639-2/T, then 639-2/B where it differs, and what was written earlier."""

_FIRST = {code: codes.split()[0] for codes in _CODES.replace("\n", "").split("|") for code in codes.split()}


def same_language(one: str, other: str | None) -> bool:
    """Do both mark the same language, whatever the region? A track without a mark is in none."""
    return other is not None and _language(one) == _language(other)


def shortest_code(code: str) -> str:
    """The two letters for a language that has them, whichever of its codes is given, in lower case; else the code."""
    return _FIRST.get(code, code)


def _language(tag: str) -> str:
    return shortest_code(tag.replace("_", "-").partition("-")[0].strip().lower())
