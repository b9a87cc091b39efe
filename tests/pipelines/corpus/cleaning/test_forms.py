"""Verse, plays, recipes and glossaries are kept by the form that they are, and junk by none."""

from __future__ import annotations

import pytest

from desdecero.pipelines.corpus.cleaning.profiles import PROFILES, profile_for
from desdecero.pipelines.corpus.cleaning.quality import FORMS, Quality
from desdecero.pipelines.corpus.document import Document
from desdecero.pipelines.corpus.draft import Draft
from desdecero.pipelines.recipe import Quality as Limits

POEM = """\
Vino la tarde descalza
por la vereda del río;
traía un cesto de higos
y un delantal amarillo.

La luna subió al tejado
para mirarla de cerca:
¡qué sola va por el agua,
qué lenta va por la cuesta!

Nadie la llamó por su nombre,
nadie le abrió la cancela;
se fue apagando en el llano
como se apaga una vela.
"""
REFRAIN = """\
Ay, la niña de la fuente,
agua clara, agua fría.
Ay, la niña de la fuente,
que se lleva el alma mía.

Por la mañana temprano
baja con su cantarillo.
Ay, la niña de la fuente,
agua clara, agua fría.

Por la tarde, cuando vuelve,
canta el mirlo en el olivo.
Ay, la niña de la fuente,
que se lleva el alma mía.
"""
SHORT_METRE = """\
Duerme, mi niño,
duerme sin pena,
que el lobo duerme
bajo la higuera.
Duerme, lucero,
flor de la arena,
que por el monte
viene la abuela.
Trae un pañuelo,
trae una estrella,
trae para el niño
la luna nueva.
"""
FREE_VERSE_SHORT = """\
He vuelto a la casa
y no había nadie
sólo el reloj parado
y un vaso con flores
sobre la mesa

He abierto las ventanas
para que entrara
la voz de mi padre
y entró nada más
el ruido de los coches
la tarde
un poco de ceniza
"""
SCENE = """\
ESCENA II

DOÑA CLARA, LUCÍA

LUCÍA.—Señora, ha llegado una carta.
DOÑA CLARA.—¿De quién?
LUCÍA.—No lo dice.
DOÑA CLARA.—Dámela.
LUCÍA.—Tome usted.
DOÑA CLARA.—(Leyendo.) ¡Dios mío!
LUCÍA.—¿Qué sucede?
DOÑA CLARA.—Nada. Vete.
LUCÍA.—Pero, señora…
DOÑA CLARA.—¡Que te vayas!
(Vase LUCÍA. DOÑA CLARA rompe la carta.)
DOÑA CLARA.—Ya no hay remedio.
"""
SCENE_NAMES_APART = """\
JUAN
¿Has visto al cartero?

MARTA
No.

JUAN
Pues ya son las once.

MARTA
Vendrá más tarde.

JUAN
Siempre dices lo mismo.

MARTA
Y siempre viene.

JUAN
(Se asoma al balcón.)
Hoy no va a venir.

MARTA
Entonces comamos.

JUAN
No tengo hambre.

MARTA
Yo tampoco, pero hay que comer.
"""
RECIPE_TERSE = """\
Gazpacho

1 kg de tomates maduros
1 pepino
1 pimiento verde
2 dientes de ajo
50 g de pan
100 ml de aceite
2 cucharadas de vinagre
Sal

Pelar los tomates.
Trocear todo.
Triturar con el aceite.
Colar y enfriar.
Servir muy frío con daditos de pan y pepino picado.
"""
GLOSSARY_SHORT = """\
abad: superior de un monasterio
acequia: canal de riego
alba: primera luz del día
albahaca: planta aromática
alcoba: dormitorio
aljibe: depósito de agua
almohada: cojín para dormir
azotea: cubierta llana
candil: lámpara de aceite
cántaro: vasija grande
zaguán: entrada de la casa
"""
CATALOGUE = """\
Obras en venta

12. Retrato de dama. Óleo sobre lienzo, 60 x 40 cm. 300 €
13. Paisaje de invierno. Acuarela, 30 x 20 cm. 150 €
14. Bodegón con peces. Óleo sobre tabla, 45 x 60 cm. 420 €
15. Vista del puerto. Grabado, 20 x 30 cm. 90 €
16. Muchacha con cesto. Dibujo a lápiz, 25 x 18 cm. 120 €
17. La siega. Óleo sobre lienzo, 80 x 100 cm. 900 €
"""
ENGLISH_VERSE = """\
The kettle sings,
the clock is slow,
a gull has left
its prints in snow.
The door is shut,
the lamp is lit,
and by the fire
two strangers sit.
One reads aloud,
the other sews;
what keeps them here
no neighbour knows.
"""
ENGLISH_SCENE = """\
ANNE
Is he asleep?

TOM
I think so.

ANNE
Did he say anything?

TOM
Not a word.

ANNE
Then we must wait.

TOM
We have waited all day.

ANNE
And we will wait all night.

TOM
As you like.
"""
KEPT = {
    "verse": [("es", POEM), ("es", REFRAIN), ("es", SHORT_METRE), ("es", FREE_VERSE_SHORT), ("en", ENGLISH_VERSE)],
    "drama": [("es", SCENE), ("es", SCENE_NAMES_APART), ("en", ENGLISH_SCENE)],
    "lists": [("es", RECIPE_TERSE), ("es", GLOSSARY_SHORT), ("es", CATALOGUE)],
}
TEXTS = [(form, language, text) for form, texts in KEPT.items() for language, text in texts]
MENU = """\
Portada
Actualidad
Quiénes somos
Contacto
Aviso legal
Política de privacidad
Política de cookies
Mapa del sitio
Iniciar sesión
Registrarse
Buscar
Carrito
Ayuda
Preguntas frecuentes
Síguenos en Facebook
Compartir
Suscríbete al boletín
Idioma: español
Volver arriba
"""
SECTIONS = """\
Secciones
Local
Provincia
Campo
Mar y pesca
Agenda
Tablón
Galería
Vídeos
Archivo
Hemeroteca
Edición impresa
Anuncios
Empleo
Tienda
Tráfico
El tiempo
Cartelera
Horóscopo
Pasatiempos
Redacción
Suscripción
"""
FIGURES = "\n".join(f"{year}\t{year * 37 % 991},{year % 7}\t{year * 53 % 887}" for year in range(1990, 2020))
KEYWORDS = "pisos baratos sevilla alquiler pisos céntricos ofertas alquiler garaje sevilla pisos baratos ofertas " * 2
SCAN = (
    "l1 d3 Jun!o d€ 19§4 .,; ~ | '^ tll1 rn lI1 ¡¡ il .. -- ,, Rcs0luc¡6n N° 0 4 5 ; : ' ~~ ^ I l l 1 | ií rn u1 ,. ;;"
)
NOTICES = "Pulse aquí para seguir leyendo.\n" * 15 + "Reservados todos los derechos.\n" * 10
NAMES = (
    "Inés Prieto\nJaime Olmo\nCelia Roca\nBlas Nieto\nRita Soler\nLuis Ferrer\nEmma Pardo\nNuria Sáez\nSaúl Mir\n" * 2
)
JUNK = [MENU, SECTIONS, FIGURES, KEYWORDS, SCAN, NOTICES, NAMES]


def judged(text: str, language: str, form: str, **limits: float) -> Draft:
    draft = Draft(Document("", text, "", "", "", language, {}), text, language)
    Quality(Limits.model_validate({"form": form, **limits})).many([draft])
    return draft


@pytest.mark.parametrize(("form", "language", "text"), TEXTS)
def test_a_text_is_kept_by_its_own_form_and_by_mixed(form: str, language: str, text: str) -> None:
    assert judged(text, language, form).reason is None
    assert judged(text, language, "mixed").reason is None


def test_what_prose_drops_and_another_form_would_keep_is_said() -> None:
    dropped = [(form, judged(text, language, "prose")) for form, language, text in TEXTS]
    dropped = [(form, draft) for form, draft in dropped if draft.reason]
    assert len(dropped) >= 8
    assert all(draft.passes_as for _, draft in dropped)
    assert {draft.passes_as for _, draft in dropped} >= {"verse", "drama", "lists"}
    assert judged("Muy breve.", "es", "prose").passes_as is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", JUNK)
def test_junk_is_dropped_by_every_form_and_passes_as_none(text: str, form: str) -> None:
    draft = judged(text, "es", form)
    assert draft.reason and draft.passes_as is None


def test_every_form_keeps_what_prose_keeps() -> None:
    prose = (
        "Cuando llegó el tren, nadie bajó de él. El jefe de la estación miró el reloj y volvió a su mesa sin hablar."
    )
    assert {judged(prose, "es", form).reason for form in FORMS} == {None}


def test_a_limit_of_the_recipe_goes_before_that_of_the_form() -> None:
    assert judged(POEM, "es", "verse", max_short_lines=0.5).reason == "short_lines"
    assert judged(POEM, "es", "mixed", max_short_lines=0.5).reason == "short_lines"
    for form in ("verse", "drama", "lists"):
        assert profile_for("es", Limits(min_ended_lines=0.9), form).min_ended_lines == 0.9


def test_forms_loosen_the_limits_of_every_language() -> None:
    for language in (*PROFILES, ""):
        prose = profile_for(language)
        for form in ("verse", "drama", "lists"):
            own = profile_for(language, form=form)
            for name in ("max_short_lines", "max_lines_per_word", "max_duplicate_lines", "max_symbol_ratio"):
                assert getattr(own, name) >= getattr(prose, name)
            for name in ("min_stop_words", "min_stop_word_share", "min_alphabetic_words"):
                assert getattr(own, name) <= getattr(prose, name)


def test_many_drafts_end_as_each_would_alone() -> None:
    texts = [text for _, language, text in TEXTS if language == "es"] + JUNK
    drafts = [Draft(Document("", text, "", "", "", "es", {}), text, "es") for text in texts]
    Quality(Limits(form="verse")).many(drafts)
    alone = [judged(text, "es", "verse") for text in texts]
    assert [(draft.reason, draft.passes_as) for draft in drafts] == [(draft.reason, draft.passes_as) for draft in alone]
