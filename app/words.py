"""What the page says, in English and in Spanish: `say("es", "write")` is "Escribir"."""

from __future__ import annotations

from typing import Any

from desdecero.model_cards.formats import Language, grouped

ORDER: tuple[Language, ...] = ("en", "es")
LANGUAGES: dict[Language, str] = {"en": "English", "es": "Español"}


def say(language: Language, key: str, **values: Any) -> str:
    """The sentence behind `key`, with its gaps filled in."""
    return WORDS[key][ORDER.index(language)].format(**values)


def counted(language: Language, key: str, number: int) -> str:
    """A number of things: `key` names them, and `key_one` a single one."""
    return say(language, f"{key}_one" if number == 1 else key, number=grouped(language, number))


def name(language: Language, kind: str, value: str) -> str:
    """What a report's own word (a verdict, a reason, a group) is called; the word itself where it has no other name."""
    key = f"{kind}: {value}"
    return say(language, key) if key in WORDS else value


WORDS: dict[str, tuple[str, str]] = {
    # --- the page ---
    "language": ("Language", "Idioma"),
    "notice": (
        "What you read in the answers is written by a machine that knows nothing: it may be false, and it may hurt. "
        "Do not rely on it.",
        "Las respuestas las escribe una máquina que no sabe nada: pueden ser falsas y pueden herir. "
        "No se fíe de ellas.",
    ),
    "tab_try": ("Try it", "Probar"),
    "tab_training": ("Training", "Entrenamiento"),
    "tab_data": ("Data and licences", "Datos y licencias"),
    "tab_audit": ("Bias audit", "Auditoría de sesgos"),
    "tab_card": ("Card", "Ficha"),
    "not_made": ("{stage}: not made yet.", "{stage}: todavía no existe."),
    "stage: corpus": ("The corpus", "El corpus"),
    "stage: pretrain": ("The model", "El modelo"),
    "stage: evaluate": ("The evaluation", "La evaluación"),
    "stage: audit": ("The bias audit", "La auditoría de sesgos"),
    "stage: finetune": ("The adapter", "El adaptador"),
    "stage: card": ("The card", "La ficha"),
    "make_it": ("This command makes it:", "Esta orden lo produce:"),
    "stale": (
        "This is not up to date: the recipe or an earlier stage changed since. `desdecero status` tells more.",
        "Esto no está al día: la receta o una etapa anterior ha cambiado desde entonces. `desdecero status` da los "
        "detalles.",
    ),
    "altered": (
        "{file} is not as it was sealed: what stood here is not shown.",
        "{file} no está como se selló: lo que había aquí no se muestra.",
    ),
    "verify_it": (
        "Somebody altered the file, or the disk lost part of it. This command names everything that differs:",
        "Alguien modificó el archivo o el disco perdió parte de él. Esta orden nombra todo lo que difiere:",
    ),
    "remade": (
        "This was made anew after the stages that build on it, which describe the one before. `desdecero run` brings "
        "them up to date.",
        "Esto se ha vuelto a hacer después de las etapas que se basan en ello, que describen la versión anterior. "
        "`desdecero run` las pone al día.",
    ),
    # --- try it ---
    "prompt": ("Beginning of the text", "Comienzo del texto"),
    "prompt_hint": (
        "The model goes on from here. It answers no questions: it continues.",
        "El modelo sigue a partir de aquí. No responde a preguntas: continúa.",
    ),
    "masked_prompt": ("Text with {mask}", "Texto con {mask}"),
    "masked_prompt_hint": (
        "Write {mask} where a word is missing.",
        "Escriba {mask} donde falte una palabra.",
    ),
    "span_prompt": ("Text with gaps: {mask}", "Texto con huecos: {mask}"),
    "span_prompt_hint": (
        "Write {mask} where words are missing. A text without {mask} is gone on with.",
        "Escriba {mask} donde falten palabras. Un texto sin {mask} se continúa.",
    ),
    "write": ("Write", "Escribir"),
    "fill": ("Fill in", "Completar"),
    "stop": ("Stop", "Parar"),
    "settings": ("Settings", "Ajustes"),
    "length": ("Length", "Longitud"),
    "length_hint": ("Tokens to write at most", "Tokens que escribirá como mucho"),
    "temperature": ("Temperature", "Temperatura"),
    "temperature_hint": ("0 is always the most likely", "0 es siempre lo más probable"),
    "top_p": ("Top-p", "Top-p"),
    "top_p_hint": ("Share of likely words to draw from", "Parte probable entre la que se sortea"),
    "seed": ("Seed", "Semilla"),
    "seed_hint": ("The same seed writes the same text", "La misma semilla escribe el mismo texto"),
    "examples": ("Examples", "Ejemplos"),
    "written": ("{number} tokens written.", "{number} tokens escritos."),
    "written_one": ("{number} token written.", "{number} token escrito."),
    "ended": ("The model ended the text here.", "El modelo dio aquí el texto por terminado."),
    "out_of_time": (
        "Stopped after {seconds} seconds: others wait for their turn.",
        "Se detuvo a los {seconds} segundos: hay quien espera su turno.",
    ),
    "left_out": (
        "The text was too long for this model, which reads {context} tokens at a time: the first {left_out} tokens "
        "were left out.",
        "El texto era demasiado largo para este modelo, que lee {context} tokens a la vez: se omitieron los primeros "
        "{left_out} tokens.",
    ),
    "gap_of": ("Gap {number}", "Hueco {number}"),
    "refused_range": (
        "{setting} must lie between {low} and {high}: choose another value.",
        "{setting} debe estar entre {low} y {high}: elija otro valor.",
    ),
    "refused_long": (
        "The text has {length} characters, and this page reads {most} at most: shorten it.",
        "El texto tiene {length} caracteres y esta página lee {most} como mucho: acórtelo.",
    ),
    "refused_no_text": (
        "There is no text here: type some.",
        "Aquí no hay ningún texto: escriba algo.",
    ),
    "refused_text": (
        "The text holds a broken character (half of a pair): type it again or paste it from elsewhere.",
        "El texto contiene un carácter roto (medio par): escríbalo de nuevo o péguelo de otro sitio.",
    ),
    "refused_no_mask": (
        "The text has no {mask}: write it where a word is missing.",
        "El texto no tiene ningún {mask}: escríbalo donde falte una palabra.",
    ),
    "refused_mask_cut": (
        "The text is too long, and no {mask} is left in the part that the model can read: shorten it.",
        "El texto es demasiado largo y no queda ningún {mask} en la parte que el modelo puede leer: acórtelo.",
    ),
    "refused_gaps": (
        "The text has more {mask} than the {most} that this model can tell apart: write fewer.",
        "El texto tiene más {mask} que los {most} que este modelo sabe distinguir: escriba menos.",
    ),
    "refused_altered": (
        "The model was not loaded: {file} is not as it was sealed. `desdecero verify` names everything that differs.",
        "El modelo no se ha cargado: {file} no está como se selló. `desdecero verify` nombra todo lo que difiere.",
    ),
    "refused_no_model": (
        "There is no trained model in this run yet: `desdecero pretrain` makes it.",
        "En esta ejecución todavía no hay un modelo entrenado: se hace con `desdecero pretrain`.",
    ),
    # --- training ---
    "how_good": ("How good it is", "Qué tal es"),
    "measured_on": (
        "Measured on {documents} documents that the model had not read ({bytes}). Intervals have {confidence} "
        "confidence and stand for other documents of the same kind.",
        "Medido con {documents} documentos que el modelo no había leído ({bytes}). Los intervalos tienen una confianza "
        "del {confidence} y valen para otros documentos de la misma clase.",
    ),
    "bits_per_byte": ("bits per byte", "bits por byte"),
    "perplexity": ("perplexity per token", "perplejidad por token"),
    "token_accuracy": ("next token guessed", "acierta el token siguiente"),
    "masked_accuracy": ("masked token guessed", "acierta el token oculto"),
    "masked_loss": ("loss on masked tokens, in nats", "pérdida en tokens ocultos, en nats"),
    "span_accuracy": ("cut-out token guessed", "acierta el token recortado"),
    "span_loss": ("loss on cut-out tokens, in nats", "pérdida en tokens recortados, en nats"),
    "bits_explained": (
        "Bits per byte: how many bits the model needs for each byte of text that it has not read. Less is better. "
        "Beside it, what others need for the same bytes.",
        "Bits por byte: cuántos bits necesita el modelo por cada byte de un texto que no ha leído. Cuanto menos, "
        "mejor. Al lado, lo que necesitan otros para los mismos bytes.",
    ),
    "accuracy_explained": (
        "How often the model puts back exactly the token that was hidden. More is better. Beside it, what others "
        "achieve on the same text.",
        "Cuántas veces repone el modelo exactamente el token oculto. Cuanto más, mejor. Al lado, lo que consiguen "
        "otros con el mismo texto.",
    ),
    "this_model": ("this model", "este modelo"),
    "yardstick: xz": ("xz, a general compressor", "xz, un compresor general"),
    "yardstick: unigram": ("token frequencies alone", "solo frecuencias de tokens"),
    "yardstick: untrained": ("the same model, untrained", "el mismo modelo, sin entrenar"),
    "curve": ("How it learned", "Cómo aprendió"),
    "curve_explained": (
        "Loss is how surprised the model is by the next token (or the hidden one): less is better. Drag over the curve "
        "to look closer, click twice to see all of it.",
        "La pérdida es cuánto sorprende al modelo el token siguiente (o el oculto): cuanto menos, mejor. Arrastre "
        "sobre la curva para ampliar y pulse dos veces para verla entera.",
    ),
    "axis_tokens": ("tokens seen", "tokens vistos"),
    "axis_loss": ("loss (nats per token)", "pérdida (nats por token)"),
    "training_loss": ("training", "entrenamiento"),
    "mean_loss": ("smoothed", "suavizada"),
    "held_out_loss": ("held out", "reservado"),
    "facts": ("The facts", "Los datos"),
    "architecture": ("Architecture", "Arquitectura"),
    "architecture_of": (
        "{name}; layers: {layers}, width: {width}, heads: {heads}",
        "{name}; capas: {layers}, anchura: {width}, cabezas: {heads}",
    ),
    "parameters": ("Parameters", "Parámetros"),
    "parameters_of": ("{all} ({inner} without embeddings)", "{all} ({inner} sin embeddings)"),
    "context": ("Context", "Contexto"),
    "context_of": ("{length} tokens", "{length} tokens"),
    "vocabulary": ("Vocabulary", "Vocabulario"),
    "tokens_seen": ("Tokens seen", "Tokens vistos"),
    "tokens_seen_of": ("{tokens}, in {steps} steps ({epochs} epochs)", "{tokens}, en {steps} pasos ({epochs} épocas)"),
    "optimizer": ("Optimiser", "Optimizador"),
    "time": ("Time", "Tiempo"),
    "time_of": ("{time}, {speed} tokens per second", "{time}, {speed} tokens por segundo"),
    "machine": ("Machine", "Máquina"),
    "machine_of": ("{device}, processes: {processes}, {precision}", "{device}, procesos: {processes}, {precision}"),
    "last_losses": ("Loss at the end", "Pérdida al final"),
    "last_losses_of": (
        "{train} in training, {validation} held out ({untrained} before training)",
        "{train} en entrenamiento, {validation} en texto reservado ({untrained} antes de entrenar)",
    ),
    "samples": ("What it wrote, not chosen", "Lo que escribió, sin escoger"),
    "adapter": ("Adapter: {name}", "Adaptador: {name}"),
    "adapter_explained": (
        "A LoRA adapter of rank {rank} ({share} of the parameters), trained on {documents} documents that were held "
        "out of pretraining. Less is better; a change above zero on general text is what it forgot.",
        "Un adaptador LoRA de rango {rank} ({share} de los parámetros), entrenado con {documents} documentos que no "
        "entraron en el preentrenamiento. Cuanto menos, mejor; un cambio por encima de cero en el texto general es lo "
        "que olvidó.",
    ),
    "held_out_text": ("held-out text", "texto reservado"),
    "text: domain": ("of the domain", "del dominio"),
    "text: general": ("general", "general"),
    "before": ("before", "antes"),
    "after": ("after", "después"),
    "change": ("change", "cambio"),
    # --- data ---
    "what_went_in": ("What went in", "Qué entró"),
    "documents": ("{number} documents", "{number} documentos"),
    "documents_one": ("{number} document", "{number} documento"),
    "documents_kept": ("documents kept", "documentos conservados"),
    "of_read": ("of {number} read", "de {number} leídos"),
    "text_kept": ("text kept", "texto conservado"),
    "training_tokens": ("training tokens", "tokens de entrenamiento"),
    "identifiers_replaced": ("personal details replaced", "datos personales sustituidos"),
    "licenses": ("Licences", "Licencias"),
    "licenses_explained": (
        "Of the text that was kept, largest first. “Known by” says how the licence of each document is known: declared "
        "by its authors in a machine-readable form, by a package classifier, read out of free text, from a notice that "
        "contradicts itself (all that it says is taken to hold), or not at all.",
        "Del texto conservado, de mayor a menor. «Cómo se sabe» dice de dónde sale la licencia de cada documento: "
        "declarada por sus autores de forma legible por máquina, por un clasificador del paquete, leída en texto "
        "libre, en un aviso que se contradice (se da por válido todo lo que dice), o desconocida.",
    ),
    "license": ("licence", "licencia"),
    "text": ("text", "texto"),
    "share_of_text": ("share of text", "parte del texto"),
    "share_of_tokens": ("share of training tokens", "parte de los tokens de entrenamiento"),
    "known_by": ("known by", "cómo se sabe"),
    "evidence: declared": ("declared", "declarada"),
    "evidence: classifier": ("classifier", "clasificador"),
    "evidence: free_text": ("free text", "texto libre"),
    "evidence: contradictory": ("contradictory notice", "aviso contradictorio"),
    "evidence: unknown": ("unknown", "desconocida"),
    "no_share": (
        "A dash: none of it fell to the training split.",
        "Una raya: nada de ello cayó en la partición de entrenamiento.",
    ),
    "tokens_missing": (
        "Training tokens are not counted yet: `desdecero tokens` does it.",
        "Los tokens de entrenamiento todavía no se han contado: lo hace `desdecero tokens`.",
    ),
    "sources": ("Sources", "Fuentes"),
    "source": ("source", "fuente"),
    "kind": ("kind", "tipo"),
    "source: installed_docs": ("installed documentation", "documentación instalada"),
    "source: files": ("files", "archivos"),
    "source: hub": ("Hub dataset", "conjunto del Hub"),
    "largest": ("The largest parts", "Las partes más grandes"),
    "name": ("name", "nombre"),
    "domain": (
        "The documents of “{name}” were held out of pretraining, for the adapter.",
        "Los documentos de «{name}» no entraron en el preentrenamiento: son para el adaptador.",
    ),
    "drops": ("What was left out, and why", "Qué se descartó y por qué"),
    "no_drops": ("Nothing was left out.", "No se descartó nada."),
    "quarantined": ("What could not be read", "Lo que no pudo leerse"),
    "redactions": ("Personal details", "Datos personales"),
    "redactions_explained": (
        "Found by patterns and replaced by a mark. Patterns miss some: the card says how many planted ones they find.",
        "Hallados mediante patrones y sustituidos por una marca. Los patrones dejan escapar algunos: la ficha dice "
        "cuántos hallan de los sembrados.",
    ),
    "found": ("found and replaced", "hallados y sustituidos"),
    # --- audit ---
    "audit": ("What was asked", "Qué se preguntó"),
    "audit_explained": (
        "Pairs of sentences that differ only in the group they name are scored by how probable the model finds them. "
        "The gap is the mean preference for the stereotype, in nats, beyond what neutral sentences show: 0 is no "
        "preference, and within ±{margin} counts as small. Intervals have {confidence} confidence.",
        "Se puntúan parejas de frases que solo difieren en el grupo que nombran, según lo probables que le parecen al "
        "modelo. La brecha es la preferencia media por el estereotipo, en nats, más allá de lo que muestran frases "
        "neutras: 0 es ninguna preferencia, y dentro de ±{margin} se considera pequeña. Los intervalos tienen una "
        "confianza del {confidence}.",
    ),
    "findings": ("Findings, in words", "Hallazgos, en palabras"),
    "language: en": ("English", "Inglés"),
    "language: es": ("Spanish", "Español"),
    "competent": (
        "The model knows this language well enough to be asked: it tells sentences from shuffled words in {share} "
        "({low} to {high}) of cases; {threshold} was the least.",
        "El modelo conoce esta lengua lo bastante como para preguntarle: distingue frases de palabras revueltas en el "
        "{share} ({low} a {high}) de los casos; se pedía al menos el {threshold}.",
    ),
    "not_competent": (
        "The model knows this language too little to be asked: it tells sentences from shuffled words in {share} "
        "({low} to {high}) of cases; {threshold} was the least. The gaps below say nothing about bias.",
        "El modelo conoce esta lengua demasiado poco para preguntarle: distingue frases de palabras revueltas en el "
        "{share} ({low} a {high}) de los casos; se pedía al menos el {threshold}. Las brechas de abajo no dicen nada "
        "sobre sesgos.",
    ),
    "group": ("group", "grupo"),
    "group: gender": ("gender", "género"),
    "group: origin": ("origin", "origen"),
    "group: religion": ("religion", "religión"),
    "group: age": ("age", "edad"),
    "group: disability": ("disability", "discapacidad"),
    "group: class": ("class", "clase social"),
    "probes": ("probes", "sondas"),
    "gap": ("gap (nats)", "brecha (nats)"),
    "preference": ("leaning to the stereotype", "hacia el estereotipo"),
    "p_adjusted": ("p, adjusted", "p ajustado"),
    "detectable_gap": ("least visible gap", "menor brecha visible"),
    "verdict": ("verdict", "veredicto"),
    "verdict: bias found": ("bias found", "sesgo hallado"),
    "verdict: within margin": ("within the margin", "dentro del margen"),
    "verdict: underpowered": ("too few probes to tell", "faltan sondas para decidir"),
    "verdict: model not competent": ("model not competent", "modelo no competente"),
    "gaps": ("The gaps as a picture", "Las brechas en una imagen"),
    "gaps_described": (
        "Mean gap and its interval for each language and group; the table above holds the same numbers.",
        "Brecha media e intervalo de cada lengua y grupo; la tabla de arriba contiene las mismas cifras.",
    ),
}
