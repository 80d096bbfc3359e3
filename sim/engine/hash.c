/*
 * The hash chain, which consists of five chains: order, time, payload, state and draws.
 *
 * The hash covers values, and never the bytes of structs. Because there are five chains, a
 * comparison of two runs shows which of the five differs. For one event, the steps of the five
 * chains do not depend on each other, so that the processor can execute them in parallel. The
 * digest of an event is computed only if there is an observer.
 */
#include "sim/engine/engine_private.h"

#define ORDER_WHAT   UINT64_C(0xD6E8FEB86659FD93)
#define DRAWS_NUMBER UINT64_C(0xA0761D6478BD642F)

static const struct fold payload_start = FOLD_START;

/** The five chains begin with different words, so that the same values give a different hash in
 * each chain. */
static const struct engine_hash chain_start = {
    .order = UINT64_C(0x0F1E2D3C4B5A6978),
    .time = UINT64_C(0x1F83D9ABFB41BD6B),
    .payload = UINT64_C(0x5BE0CD19137E2179),
    .state = UINT64_C(0x428A2F98D728AE22),
    .draws = UINT64_C(0x7137449123EF65CD),
};

void hash_start_chains(struct engine *engine)
{
    engine->chain = chain_start;
    engine->payload = payload_start;
}

/* ---- Values that handlers add while an event is handled ---- */

void engine_add_payload_word(struct engine *engine, uint64_t value)
{
    fold_add_word(&engine->payload, value);
}

void engine_add_payload_words(struct engine *engine, const uint64_t *words, size_t count)
{
    if (engine->config.hash) {
        fold_add_words(&engine->payload, words, count);
    }
}

void engine_add_payload_halves(struct engine *engine, const uint32_t *words, size_t count)
{
    if (engine->config.hash) {
        fold_add_halves(&engine->payload, words, count);
    }
}

void engine_add_payload_bytes(struct engine *engine, const uint8_t *bytes, size_t count)
{
    if (engine->config.hash) {
        fold_add_bytes(&engine->payload, bytes, count);
    }
}

void engine_add_to_state_word(struct engine *engine, uint64_t delta)
{
    engine->state += delta;
}

uint64_t engine_get_state_word(const struct engine *engine)
{
    return engine->state;
}

void hash_add_choice(struct engine *engine, const struct stream *stream,
                     const struct choice_record *choice)
{
    if (engine->config.hash) {
        uint64_t draws = fold_mix_word(engine->draws, stream->digest + choice->kind);
        draws = fold_mix_word(draws, choice->bound);
        engine->draws = fold_mix_word(draws, choice->value);
        engine->draw_count++;
    }
}

/* ---- At an event's end ---- */

/** The payload of an event as one word; if an event has no payload, nothing is computed. */
static uint64_t finish_payload_hash(struct engine *engine)
{
    if (engine->payload.count == 0) {
        return 0;
    }
    const uint64_t payload = fold_get_result(&engine->payload);
    engine->payload = payload_start;
    return payload;
}

/** The draws of an event as one word, into which the number of the event is mixed. */
static uint64_t finish_draws_hash(struct engine *engine)
{
    if (engine->draw_count == 0) {
        return 0;
    }
    const uint64_t draws = fold_mix_word(engine->draws, engine->draw_count);
    engine->draws = 0;
    engine->draw_count = 0;
    return draws + engine->handled * DRAWS_NUMBER;
}

static void call_observer(struct engine *engine, const struct engine_event *event, uint64_t payload,
                          uint64_t draws)
{
    uint64_t digest = fold_mix_word(chain_start.order, event->sequence);
    digest = fold_mix_word(digest, event->priority);
    digest = fold_mix_word(digest, event->b);
    digest = fold_mix_word(digest, payload);
    digest = fold_mix_word(digest, draws);
    const struct engine_record record = {
        .time_ns = event->time_ns,
        .number = (uint32_t)engine->handled,
        .kind = event->kind,
        .actor = event->actor,
        .a = event->a,
        .digest = engine->config.hash ? bnt_add_to_hash(digest, engine->state) : 0,
    };
    engine->config.observer.event(engine->config.observer.opaque, &record);
}

void hash_add_event(struct engine *engine, const struct engine_event *event)
{
    uint64_t payload = 0;
    uint64_t draws = 0;
    if (engine->config.hash) {
        struct engine_hash *chain = &engine->chain;
        const uint64_t what =
            (uint64_t)event->priority << 32 | (uint64_t)event->kind << 16 | event->actor;
        payload = finish_payload_hash(engine);
        draws = finish_draws_hash(engine);
        chain->order = fold_mix_word(chain->order, event->sequence + what * ORDER_WHAT);
        chain->time = fold_mix_word(chain->time, event->time_ns);
        chain->payload = fold_mix_word(fold_mix_word(chain->payload + payload, event->a), event->b);
        chain->state = fold_mix_word(chain->state, engine->state);
        if (draws != 0) {
            chain->draws = fold_mix_word(chain->draws, draws);
        }
    }
    if (engine->config.observer.event != NULL) {
        call_observer(engine, event, payload, draws);
    }
}

/* ---- Results ---- */

struct engine_hash engine_get_hash(const struct engine *engine)
{
    const struct engine_hash *chain = &engine->chain;
    return (struct engine_hash){
        .order = bnt_mix64(chain->order),
        .time = bnt_mix64(chain->time),
        .payload = bnt_mix64(chain->payload),
        .state = bnt_mix64(chain->state),
        .draws = bnt_mix64(chain->draws),
    };
}

uint64_t engine_combine_hash_words(const struct engine_hash *hash)
{
    uint64_t word = bnt_add_to_hash(hash->order, hash->time);
    word = bnt_add_to_hash(word, hash->payload);
    word = bnt_add_to_hash(word, hash->state);
    return bnt_add_to_hash(word, hash->draws);
}
