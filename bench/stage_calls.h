/*
 * Every call whose time belongs to a stage of inflation. The linker puts a stopwatch around each
 * (CMakeLists.txt reads this table): the world that is measured is the real one, unchanged.
 *
 * X is a call with a result, V one without: its type, its name, its stage, parameters, arguments.
 */
#ifndef BENCH_STAGE_CALLS_H
#define BENCH_STAGE_CALLS_H

/* clang-format off */
#define STAGE_CALLS(X, V)                                                                          \
    X(uint32_t, gmem_balloon_alloc_pages, ALLOCATION,                                              \
      (struct gmem *gmem, uint64_t *pages, uint32_t count), (gmem, pages, count))                  \
    V(gmem_push_page_links, RECORD,                                                                \
      (struct gmem *gmem, uint64_t head, const uint64_t *pages, uint32_t count),                   \
      (gmem, head, pages, count))                                                                  \
    X(bnt_status, bnt_guest_step, GUEST,                                                           \
      (struct bnt_guest *guest, uint64_t now_ns, uint32_t budget, uint64_t *deadline_ns),          \
      (guest, now_ns, budget, deadline_ns))                                                        \
    X(bnt_status, bnt_host_step, HOST,                                                             \
      (struct bnt_host *host, uint64_t now_ns, uint32_t budget, uint64_t *deadline_ns),            \
      (host, now_ns, budget, deadline_ns))                                                         \
    X(bnt_status, bnt_vq_drv_add, RING,                                                            \
      (struct bnt_vq_drv *vq, const struct bnt_vq_seg *segs, uint32_t readable,                    \
       uint32_t writable, uint16_t *head),                                                         \
      (vq, segs, readable, writable, head))                                                        \
    X(bool, bnt_vq_drv_publish, RING, (struct bnt_vq_drv *vq), (vq))                               \
    X(bnt_status, bnt_vq_drv_pop, RING,                                                            \
      (struct bnt_vq_drv *vq, uint16_t *head, uint32_t *len, struct bnt_diag *diag),               \
      (vq, head, len, diag))                                                                       \
    X(bnt_status, bnt_vq_dev_pop, RING,                                                            \
      (struct bnt_vq_dev *vq, const struct bnt_mem *mem, struct bnt_vq_chain *chain,               \
       struct bnt_diag *diag),                                                                     \
      (vq, mem, chain, diag))                                                                      \
    X(bnt_status, bnt_vq_dev_push, RING,                                                           \
      (struct bnt_vq_dev *vq, const struct bnt_mem *mem, uint16_t head, uint32_t len,              \
       struct bnt_diag *diag),                                                                     \
      (vq, mem, head, len, diag))                                                                  \
    X(bnt_status, bnt_vq_dev_check_interrupt_due, RING,                                            \
      (struct bnt_vq_dev *vq, const struct bnt_mem *mem, bool *due, struct bnt_diag *diag),        \
      (vq, mem, due, diag))                                                                        \
    X(bnt_status, bnt_vq_chain_read, RING,                                                         \
      (const struct bnt_vq_chain *chain, const struct bnt_mem *mem, uint64_t offset, void *dst,    \
       uint32_t bytes),                                                                            \
      (chain, mem, offset, dst, bytes))                                                            \
    X(bnt_status, bnt_vq_chain_write, RING,                                                        \
      (const struct bnt_vq_chain *chain, const struct bnt_mem *mem, uint64_t offset,               \
       const void *src, uint32_t bytes),                                                           \
      (chain, mem, offset, src, bytes))                                                            \
    V(backing_discard_pages, DISCARD,                                                              \
      (struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes),                   \
      (vm, first_pfn, pfns, freed_bytes))                                                          \
    V(engine_add_payload_words, HASH,                                                              \
      (struct engine *engine, const uint64_t *words, size_t count), (engine, words, count))        \
    V(engine_add_payload_halves, HASH,                                                             \
      (struct engine *engine, const uint32_t *words, size_t count), (engine, words, count))        \
    V(engine_add_payload_bytes, HASH,                                                              \
      (struct engine *engine, const uint8_t *bytes, size_t count), (engine, bytes, count))         \
    V(oracle_observe_pages_allocated, ORACLE,                                                      \
      (struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count),                 \
      (oracle, vm, pages, count))                                                                  \
    V(oracle_observe_guest_request, ORACLE,                                                        \
      (struct oracle *oracle, uint32_t vm, uint64_t features,                                      \
       const struct bnt_guest_request *request),                                                   \
      (oracle, vm, features, request))                                                             \
    V(oracle_observe_discard, ORACLE,                                                              \
      (struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns),                     \
      (oracle, vm, first_pfn, pfns))                                                               \
    V(oracle_observe_host_request, ORACLE,                                                         \
      (struct oracle *oracle, uint32_t vm, const struct bnt_host_request *request),                \
      (oracle, vm, request))                                                                       \
    V(check_vm_after_event, ORACLE, (struct vm *vm), (vm))                                         \
    V(check_vm_in_full, AUDIT, (struct vm *vm), (vm))                                              \
    X(uint64_t, oracle_recompute_state, AUDIT, (const struct oracle *oracle), (oracle))
/* clang-format on */

/** What is not in a stage is the simulator's: events, their hash, links, notifications. */
#define STAGES(X)                          \
    X(EVENTS, "events of the simulator")   \
    X(ALLOCATION, "allocation")            \
    X(RECORD, "record of pages")           \
    X(GUEST, "guest core")                 \
    X(RING, "ring and copies")             \
    X(HOST, "host core, verdicts, ledger") \
    X(DISCARD, "discard")                  \
    X(HASH, "hash of payloads")            \
    X(ORACLE, "oracle")                    \
    X(AUDIT, "audit at phases and end")

typedef enum stage {
#define X(name, text) STAGE_##name,
    STAGES(X)
#undef X
    STAGE_COUNT
} stage;

/** ns of each stage in what runs between begin and end, the stopwatch's own time taken off. */
void stages_begin(void);
void stages_end(double ns[STAGE_COUNT]);
const char *stage_text(stage which);

#endif
