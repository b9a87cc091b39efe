"""Vocabulary of licence notices: restrictions, wordings that only resemble them, denials, and irrelevant words.

All are matched without case, accents and punctuation. English, Spanish and Portuguese, and the most frequent notices in
French, Italian, German, Catalan, Galician and Basque.
"""

from __future__ import annotations

import re

from desdecero.pipelines.licenses.obligations import ObligationKind

RESTRICTIONS: list[tuple[ObligationKind, str, str]] = [
    (
        "no_permission",
        "LicenseRef-all-rights-reserved",
        r"(?:all )?(?:other )?rights (?:are )?(?:strictly )?reserved|copyright (?:\w+ )?reserved|todos los derechos"
        r"|derechos (?:de autor |de reproduccion )?reservados"
        r"|reservados todos los derechos|se reservan todos los derechos|direitos (?:autorais )?reservados"
        r"|droits reserves|diritti(?: sono)? riservati|rechte vorbehalten|rechten voorbehouden|drets reservats"
        r"|dereitos reservados|eskubide guztiak erreserbatuta\w*|prawa zastrzezone|prava vyhrazena|drepturile rezervate"
        r"|haklari saklidir|jog fenntartva|rattigheter forbehallna|rettigheder forbeholdes|oikeudet pidatetaan"
        r"|(?:queda |quedan )?(?:terminantemente |expresamente |totalmente )?prohibid[ao]s?(?! el uso comercial)"
        r"(?! (?:su |el |la |todo )?(?:venta|lucro))|(?:e |fica )?proibid[ao]s?(?! o uso comercial)"
        r"|reproduction interdite|riproduzione (?:vietata|riservata)|vietata la riproduzione"
        r"|nachdruck verboten|reproduccio prohibida"
        r"|(?:copying|reproduction|redistribution|distribution|re ?use|use|copies)(?: \w+){0,4}"
        r" (?:is|are) (?:strictly )?(?:prohibited|forbidden)"
        r"|(?:may|must|can|shall) ?not be (?:\w+ ){0,2}?(?:reproduced|copied|distributed|redistributed|used|shared"
        r"|republished|transmitted|published)(?! (?:for|to) (?:any )?(?:commercial|endorse|promote))"
        r"|no part of (?:this|the)|do not (?:copy|reproduce|distribute|redistribute|share|reuse)"
        r"|not (?:for|to be) (?:re)?(?:distribut|produc|publi|copi)\w+"
        r"|(?:without|requires|subject to|only with)(?: the)?(?: prior| written| express| explicit| previous){0,3}"
        r" (?:permission|consent|authori[sz]ation)|by permission(?: of)?|(?:used|reprinted|reproduced) with permission"
        r"|sin(?: la| el)?(?: previa| previo| debida| debido| expresa| expreso){0,2} (?:autorizacion|permiso"
        r"|consentimiento)|sem(?: a)?(?: previa| expressa){0,2} autorizacao|con(?: la)? autorizacion de"
        r"|confidential|confidencial|proprietary|propietari[ao]|uso interno|internal use only|strictly private"
        r"|no se (?:permite|autoriza) (?:su |la )?(?:reproduccion|copia|distribucion|difusion|redistribucion)",
    ),
    (
        "non_commercial",
        "LicenseRef-non-commercial",
        r"(?:not for|no|non|without|excluding|prohibid[ao]|proibido|excepto|salvo|(?:se )?prohibe)"
        r"(?: any| el| la| o| su| todo| uso| para| for| to| the)*"
        r" ?(?:commercial(?:ly)?|comercial(?:es)?|kommerziell\w*|commerciale?)"
        r"(?: (?:use|purposes?|uso|usos|exploitation|explotacion|gain|fines))?(?: only)?"
        r"|noncommercial(?: use| purposes?)?"
        r"|nao comercia\w+|nicht ?kommerziell\w*|(?:sin|sem) (?:fines|animo|fins)(?: de)? (?:lucrativos|lucro"
        r"|comerciales|comerciais)|not for profit|sans but lucratif"
        r"|(?:may|must|can|shall) ?not be (?:\w+ ){0,2}?(?:sold|resold|used (?:for|to) (?:any )?commercial\w*)"
        r"|(?:private|personal) use|uso (?:privado|personal)|not for (?:re)?sale"
        r"|prohibida (?:su |la )?(?:venta|comercializacion)"
        r"|(?:for |para )?(?:uso |use )?(?:solo |only |exclusiv\w+ |unicamente )?(?:para |for )?(?:uso )?"
        r"(?:personal|private|privado|academic|academico|educational|educativo|research|scholarly|investigacion|docente"
        r"|non ?profit)(?:(?:,| and| or| y| e| o)* (?:personal|private|academic|educational|research|educativo"
        r"|academico|teaching))*(?: (?:use|uses|uso|usos|purposes?))? (?:only|exclusively|exclusivamente|unicamente)"
        r"|(?:solo|only|solely|exclusively|exclusivamente|unicamente) (?:for |para |con )?(?:fines |uso |usos |use )?"
        r"(?:personal(?:es)?|private|privado|academic|academico|academicos|educational|educativos?|research"
        r"|de investigacion|investigacion|docentes?)(?: (?:use|purposes?|uso))?",
    ),
    (
        "no_derivatives",
        "LicenseRef-no-derivatives",
        r"no deriv\w*(?: works?)?|sin (?:obras? )?derivad\w+|no (?:modifications?|adaptations?|changes|alterations)"
        r"|(?:may|must|can|shall) ?not be (?:\w+ ){0,2}?(?:modified|altered|adapted|changed|translated)"
        r"|sin modifica\w+|no se (?:permiten?|autorizan?) (?:las |la )?(?:obras? derivadas?|modifica\w+|adaptaci\w+)"
        r"|sem (?:obras )?derivad\w+|sem modifica\w+",
    ),
]
"""Obligation, the licence that represents it, and the wordings that impose it in addition to any licence named."""

RESERVED_ELSEWHERE = re.compile(
    "版权所有|版權所有|保留所有权利|著作権所有|無断転載|無断複製|すべての権利|全ての権利"
    "|모든 권리|무단 ?전재|حقوق محفوظة|الحقوق محفوظة"
    "|все права защищены|всі права захищені|усі права захищені|всички права запазени|επιφύλαξη παντός δικαιώματος"
    "|כל הזכויות שמורות|सर्वाधिकार सुरक्षित",
    re.IGNORECASE,
)
"""All rights reserved, in scripts whose words are not read elsewhere."""

NEUTRAL = re.compile(
    r"(?:un(?:less|til)|except|save) (?:where |when |as |if )?(?:otherwise |expressly )*"
    r"(?:noted|stated|indicated|specified|mentioned|marked)(?: otherwise)?"
    r"|(?:salvo|excepto|a menos) (?:que |donde |cuando |en los casos en que )?(?:se )?"
    r"(?:indi\w+|especifi\w+|diga|senal\w+"
    r"|mencion\w+|advierta)(?: (?:lo contrario|otra cosa|expresamente))*|salvo indicacion (?:en )?contraria"
    r"|salvo mencion (?:en )?contraria|sauf (?:mention|indication) contraire|(?:some|certain) rights reserved"
    r"|algunos derechos reservados|alguns direitos reservados|no rights reserved|ningun derecho reservado"
    r"|salvo onde indicado(?: em contrario)?|exceto onde indicado"
    r"|(?:except|excluding|excepto|salvo)(?: for)?(?: the| las?| los| el| its| sus)*(?: (?:logos?|trademarks?|brands?"
    r"|marcas|imagen(?:es)?|images?|photos?|photographs|pictures|fotos|fotografias|figures?|figuras?|illustrations"
    r"|ilustraciones|videos?|audio|fonts?)(?: and| or| y| o| e)?)+"
    # What publishers of open access articles write of other people's material, and of the licence itself.
    r"|if material is not included.{0,250}? copyright holder"
    r"|no use distribution or reproduction is permitted which does not comply with these terms"
)
"""Wordings that resemble a restriction and are not one."""

DENIAL = re.compile(
    r"\b(?:not|nor|never|isnt|no longer|formerly|previously|until|ya no|no es|no esta\w*|nunca|tampoco|nao|nicht|pas"
    r"|antes|anteriormente|incompatible|instead|rather than|no cc|no creative|used to be|withdrawn|revoked"
    r"|only|solely|restricted|limited to|solo|solamente|unicamente|exclusivamente|exclusively|nur|seulement|apenas"
    r"|somente|except|excepto|salvo)\b"
)

PARTS = frozenset("""
    article articles articulo articulos blog book books code codes codigo contenido contenidos content contents
    conteudo copy dados data database dataset datasets datos docs document documentacion documentation documento
    documentos documents edicion edition everything example examples library libro lyrics manual material
    materiales materials metadatos models notebooks obra obras page pages pagina paginas paper post posts
    program programa programas publicacion publication rest resto sample samples scripts site sitio software
    source sources text textes texto textos texts traduccion translation version web website weights work works
""".split())  # fmt: skip  # noqa: SIM905
"""Parts of a work that a notice may assign licences to."""

MEDIA = frozenset("""
    abbildungen abstract abstracts artwork audio bilder cover covers cubierta diagram diagrams figura figuras
    figure figures font fonts foto fotografia fotografias fotos grafico graficos graphics icon iconos icons
    illustration illustrations ilustracion ilustraciones image imagen imagenes imagens images logo logos map
    mapa mapas maps metadata music musica photo photograph photographs photography photos picture pictures
    portada resumen resumenes tabla tablas table tables video videos
""".split())  # fmt: skip  # noqa: SIM905
"""Parts that are not the text: a licence of these alone does not apply to it."""

IDLE = frozenset("""
    a abierta abierto acceso access additional adicional adicionales al all ambos an and apply are as at author
    authors autor autores available bajo be been both by c cc commons comparte con condiciones conditions
    contents copyleft copyright covered creative de dedicated deed del der des details detalles distribuida
    distribuido distributed distribuye do documento dual dual-licensed dually e either el en encuentra es esta
    estan este fall follows for found free from full further governed ha has have here in information
    internacional international is it its la las le legal legalcode les libre licenca licence licenced licences
    licencia licenciada licenciado licenciamento licencias licencing license licensed licenses licensing
    licensor lo los made mas may mismo more note notice o obra of ofrece on open option or os other otorga ou
    para per permitted por publica publicada publicado publico published released respectivamente respectively
    rights same se see ser sido sob sobre son sous su subject sujeta sujeto supplemental supplementary terminos
    terms text the their these this to todas todo todos un una under unported us usa use used uses using uso
    usted vea ver version what which with y you your
""".split())  # fmt: skip  # noqa: SIM905
"""Words that do not change the meaning of a licence's name; any other word makes a notice without address unknown."""

JOINS = frozenset(("and", "y", "e", "et", "und", "with", "con", "plus", "both", "ambas", "ambos"))
CHOICES = frozenset(("or", "o", "ou", "oder", "either", "option", "eleccion", "choice"))
VAGUE = re.compile(
    r"\b(bsd|eula|artistic|cecill|cddl|openrail|rail|llama|gemma|business source"
    r"|(?:commercial|custom|own|separate|other|another) licen[cs]es?"
    r"|licen[cs]e custom|licencias? (?:comercial|propia|aparte)(?:es|s)?)\b"
)
"""Words for unspecified licences: a notice with one of them names another licence that is not known."""
