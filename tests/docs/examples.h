/*
 * What the examples of the public headers leave to their reader; see check_examples.py.
 */
#include <ballonet/guest.h>
#include <ballonet/host.h>

extern bnt_status status;
extern uint64_t now;
extern uint64_t deadline_ns;
extern uint32_t budget;

#if defined(EXAMPLE_host)
extern struct bnt_host *host;
extern struct bnt_host_ops ops;
extern struct bnt_mem mem;
extern void *storage;
extern void *vmm;
extern size_t bytes;
extern uint16_t queue;
extern uint64_t pfns;
extern uint64_t timeout_ns;
extern uint64_t id;
#elif defined(EXAMPLE_guest)
extern struct bnt_guest *guest;
extern struct bnt_guest_ops ops;
extern struct bnt_guest_need need;
extern void *state;
extern void *dma;
extern uint64_t dma_gpa;
extern void *os;
extern bool running;
#elif defined(EXAMPLE_memory)
extern void *machine;
bnt_status my_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes);
bnt_status my_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes);
#elif defined(EXAMPLE_personality)
extern struct bnt_guest_config config;
#elif defined(EXAMPLE_virtqueue)
extern struct bnt_vq_drv driver;
extern struct bnt_vq_dev device;
extern struct bnt_vq_seg segs[2];
extern struct bnt_vq_chain chain;
extern struct bnt_mem mem;
extern struct bnt_diag diag;
extern uint8_t request[64];
extern uint16_t head;
extern uint32_t len;
extern bool due;
void kick(void);
void answer(uint16_t head, uint32_t len);
#endif
