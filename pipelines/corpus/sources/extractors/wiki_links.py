"""Links of MediaWiki that stand for no words: files, categories, and the same page in other languages.

`CSI: Miami` and `GTA: Vice City` are titles. A link to another wiki has the code of a language that has a Wikipedia, in
small letters, with no blank after the colon; files and categories are named in the languages below, or as the dump
names them. All other links give their label, or their title.
"""

from __future__ import annotations

from collections.abc import Container

_CODES = """
aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb ba ban bar bat-smg
bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm bug bxr ca cbk-zam cdo ce ceb ch cho chr
chy ckb co cr crh cs csb cu cv cy da dag de dga din diq dsb dtp dty dv dz ee el eml en eo es et eu ext fa fat ff fi
fiu-vro fj fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi
hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kbp kcg kg
kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt
ltg lv mad mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nds
nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl
pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rw sa sah sat sc scn sco sd se sg sh shi shn si
simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te tet tg th ti tig tk tl tly tn
to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo wa war wo wuu xal xh xmf yi yo yue za zea zgh
zh zh-classical zh-cn zh-min-nan zh-tw zh-yue zu
"""
_LANGUAGES = frozenset(_CODES.split())
MEDIA = frozenset((
    "file", "image", "archivo", "imagen", "ficheiro", "imagem", "fichier", "datei", "bild", "immagine",
    "fitxer", "imatge", "ficheru", "imaxe", "fitxategi", "irudi", "bestand", "afbeelding", "plik", "grafika",
    "fil", "tiedosto", "kuva", "soubor", "súbor", "fájl", "kép", "fișier", "dosya", "resim", "файл",
    "изображение", "зображення", "αρχείο", "ملف", "קובץ", "ファイル", "画像", "文件", "图像", "파일", "rikcha", "mynd",
    "berkas", "gambar", "slika", "category", "categoría", "categoria", "catégorie", "kategorie", "kategoria",
    "kategória", "kategori", "categorie", "категория", "категорія", "κατηγορία", "تصنيف", "קטגוריה", "カテゴリ",
    "分类", "분류", "luokka", "kategorija", "katiguriya", "flokkur", "thể loại", "ñemohenda",
))  # fmt: skip
"""Names of the namespaces of files and of categories, in small letters."""


def is_shown(target: str, media: Container[str]) -> bool:
    """Tell whether a link stands for words. One that begins with a colon does, wherever it leads."""
    prefix, colon, rest = target.partition(":")
    if not colon or not prefix:
        return True
    if prefix.strip().lower().replace("_", " ") in media:
        return False
    return not (prefix in _LANGUAGES and rest and not rest[0].isspace())
