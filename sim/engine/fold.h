/*
 * Combines many 64-bit words into one hash word. To be fast, it uses four lanes that advance in
 * parallel and are joined at the end.
 *
 * Word i goes to lane i modulo 4; each step is a bijection of the lane and of the word, so that a
 * change of one word always changes the result. Only 64-bit integer arithmetic is used, so that the
 * result is the same on every machine. The hash chain and the blocks of a trace use this hash,
 * which does not protect against an attacker.
 */
#ifndef SIM_ENGINE_FOLD_H
#define SIM_ENGINE_FOLD_H

#include <ballonet/base.h>

#include <stddef.h>
#include <stdint.h>

#define FOLD_LANES 4

struct fold {
    uint64_t lane[FOLD_LANES];
    uint64_t count; /**< words so far */
};

#define FOLD_START                                                                                 \
    {                                                                                              \
        {UINT64_C(0x6A09E667F3BCC908), UINT64_C(0xBB67AE8584CAA73B), UINT64_C(0x3C6EF372FE94F82B), \
         UINT64_C(0xA54FF53A5F1D36F1)},                                                            \
            0                                                                                      \
    }

/** Mixes one word into a lane or a chain. If the order of two words changes, the result changes. */
static inline uint64_t fold_mix_word(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word ^ word >> 32) * UINT64_C(0x9FB21C651E98DF25);
    return lane << 29 | lane >> 35;
}

static inline void fold_add_word(struct fold *fold, uint64_t word)
{
    uint64_t *lane = &fold->lane[fold->count++ % FOLD_LANES];
    *lane = fold_mix_word(*lane, word);
}

/** Adds each word of an array by fold_add_word. */
static inline void fold_add_words(struct fold *fold, const uint64_t *words, size_t count)
{
    while (count > 0 && fold->count % FOLD_LANES != 0) {
        fold_add_word(fold, *words++);
        count--;
    }
    uint64_t a = fold->lane[0];
    uint64_t b = fold->lane[1];
    uint64_t c = fold->lane[2];
    uint64_t d = fold->lane[3];
    fold->count += count / FOLD_LANES * FOLD_LANES;
    for (size_t rounds = count / FOLD_LANES; rounds > 0; rounds--, words += FOLD_LANES) {
        a = fold_mix_word(a, words[0]);
        b = fold_mix_word(b, words[1]);
        c = fold_mix_word(c, words[2]);
        d = fold_mix_word(d, words[3]);
    }
    fold->lane[0] = a;
    fold->lane[1] = b;
    fold->lane[2] = c;
    fold->lane[3] = d;
    for (size_t rest = count % FOLD_LANES; rest > 0; rest--) {
        fold_add_word(fold, *words++);
    }
}

static inline uint64_t fold_join_halves(const uint32_t *halves)
{
    return (uint64_t)halves[0] | (uint64_t)halves[1] << 32;
}

/** Adds the count of values, and then the values in pairs: two values form one word, with the first
 * value in the low half. */
static inline void fold_add_halves(struct fold *fold, const uint32_t *halves, size_t count)
{
    struct fold f = *fold; /* in registers */
    size_t i = 0;
    fold_add_word(&f, count);
    for (; count - i >= 2 && f.count % FOLD_LANES != 0; i += 2) {
        fold_add_word(&f, fold_join_halves(halves + i));
    }
    for (; count - i >= 8; i += 8) {
        f.lane[0] = fold_mix_word(f.lane[0], fold_join_halves(halves + i));
        f.lane[1] = fold_mix_word(f.lane[1], fold_join_halves(halves + i + 2));
        f.lane[2] = fold_mix_word(f.lane[2], fold_join_halves(halves + i + 4));
        f.lane[3] = fold_mix_word(f.lane[3], fold_join_halves(halves + i + 6));
        f.count += FOLD_LANES;
    }
    for (; count - i >= 2; i += 2) {
        fold_add_word(&f, fold_join_halves(halves + i));
    }
    if (i < count) {
        fold_add_word(&f, halves[i]);
    }
    *fold = f;
}

static inline uint64_t fold_read_word(const uint8_t *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

/** Adds bytes: eight bytes form one little-endian word, and the last word is padded with zeros. If
 * more bytes follow, the count must be a multiple of 8. */
static inline void fold_add_byte_words(struct fold *fold, const uint8_t *bytes, size_t count)
{
    struct fold f = *fold; /* in registers */
    size_t i = 0;
    for (; count - i >= 8 && f.count % FOLD_LANES != 0; i += 8) {
        fold_add_word(&f, fold_read_word(bytes + i));
    }
    for (; count - i >= 32; i += 32) {
        f.lane[0] = fold_mix_word(f.lane[0], fold_read_word(bytes + i));
        f.lane[1] = fold_mix_word(f.lane[1], fold_read_word(bytes + i + 8));
        f.lane[2] = fold_mix_word(f.lane[2], fold_read_word(bytes + i + 16));
        f.lane[3] = fold_mix_word(f.lane[3], fold_read_word(bytes + i + 24));
        f.count += FOLD_LANES;
    }
    for (; count - i >= 8; i += 8) {
        fold_add_word(&f, fold_read_word(bytes + i));
    }
    if (i < count) {
        uint64_t last = 0;
        for (size_t shift = 0; i < count; i++, shift += 8) {
            last |= (uint64_t)bytes[i] << shift;
        }
        fold_add_word(&f, last);
    }
    *fold = f;
}

/** Adds the count of bytes, and then the bytes. */
static inline void fold_add_bytes(struct fold *fold, const uint8_t *bytes, size_t count)
{
    fold_add_word(fold, count);
    fold_add_byte_words(fold, bytes, count);
}

/** Joins all lanes and the count into one well-mixed word. */
static inline uint64_t fold_get_result(const struct fold *fold)
{
    uint64_t word = bnt_mix64(fold->count);
    for (unsigned i = 0; i < FOLD_LANES; i++) {
        word = bnt_add_to_hash(word, fold->lane[i]);
    }
    return word;
}

#endif
