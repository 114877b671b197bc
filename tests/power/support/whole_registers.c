/* Lets linux.uml run on processors with more registers than it knows (AMX).
 *
 * It keeps the extended state of its processes in buffers of 2,696 bytes. Linux gives out as much
 * as is asked for, but takes back the whole state only, 11,008 bytes with AMX: the guest would
 * panic with "ptrace set fp regs failed". Preloaded, this puts what the kernel of the guest has in
 * the place of the beginning of the whole. What is behind that, no program uses unasked. */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define STATE_BYTES_MAX 65536

typedef long ptrace_call(enum __ptrace_request request, pid_t process, void *address, void *data);

/* As ptrace(2) of the C library; only one thread of linux.uml calls it. */
long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    pid_t process = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    static ptrace_call *call;
    if (call == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "ptrace");
        memcpy(&call, &symbol, sizeof call);
    }
    static uint8_t state[STATE_BYTES_MAX];
    struct iovec whole = {state, sizeof state};
    const struct iovec *part = data;
    if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE &&
        call(PTRACE_GETREGSET, process, address, &whole) == 0 && part->iov_len < whole.iov_len) {
        memcpy(state, part->iov_base, part->iov_len);
        data = &whole;
    }
    return call(request, process, address, data);
}
