#!/usr/bin/env python3
"""Which folder may include which, and who may know libev, jemalloc and the outside world."""

import os
import re

from source import main

# A folder may include itself and what stands here: folders, or single headers.
LAYERS = {
    "base": [],
    "system": ["base"],
    "protocol": ["base"],
    "values": ["base"],
    "keyspace": ["base", "values", "system/clock.h"],
    "persist": ["base", "system", "protocol", "values", "keyspace"],
    "net": ["base", "system", "protocol"],
    "commands": ["base", "protocol", "values", "keyspace"],
    "server": ["base", "system", "protocol", "values", "keyspace", "persist", "net", "commands"],
    "main.c": ["base", "system", "protocol", "values", "keyspace", "persist", "net", "commands",
               "server"],
}

# Libraries that one file each may include, so that they can be replaced there.
LIBRARY_OWNERS = {
    "ev.h": "src/system/event_loop.c",
    "jemalloc/jemalloc.h": "src/base/memory.c",
}

# What touches the world is called in system/ only, so that a test can stand in for it.
WORLD = """
    time clock_gettime gettimeofday ftime localtime localtime_r gmtime nanosleep usleep sleep
    open openat creat fopen fdopen freopen read pread readv write pwrite writev close fsync
    fdatasync ftruncate truncate rename unlink mkdir rmdir stat fstat lstat mmap opendir
    socket bind listen accept accept4 connect send sendto sendmsg recv recvfrom recvmsg setsockopt
    getsockopt getaddrinfo shutdown epoll_create1 epoll_wait poll select eventfd pipe pipe2
    rand random srand srandom drand48 rand_r getrandom getentropy arc4random
    fork vfork execve execv system popen posix_spawn
    pthread_create signal sigaction sigprocmask raise kill alarm setitimer
""".split()
ALLOCATION = """
    malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf getline getdelim
    posix_memalign aligned_alloc memalign valloc open_memstream
    mallocx rallocx xallocx sallocx dallocx sdallocx nallocx mallctl malloc_usable_size
""".split()
UNSAFE = "strcpy strcat stpcpy sprintf vsprintf gets strtok alloca atoi atol atof".split()


def layer_of(path):
    """src/server/x/y.c is of the layer "server", src/main.c its own."""
    return path.split("/")[1]


def may_include(layer, target):
    folder = target.split("/")[0]
    allowed = LAYERS[layer]
    return folder == layer or folder in allowed or target in allowed


def includes_point_down(tree):
    for path in tree.files(".c", ".h", folders=("src",)):
        layer = layer_of(path)
        if layer not in LAYERS:
            yield f"{path}: not in a folder that utils/check/layers_check.py knows"
            continue
        for number, quote, target in tree.includes(path):
            if quote != '"':
                continue
            if not os.path.exists(os.path.join(tree.root, "src", target)):
                yield f"{path}:{number}: \"{target}\" is not a path below src/"
            elif not may_include(layer, target) and not tree.is_excepted("layer", path, target):
                yield f"{path}:{number}: {layer} may not include \"{target}\""


def headers_include_in_no_circle(tree):
    graph = {path[len("src/"):]: [target for _, _, target in tree.includes(path)]
             for path in tree.files(".h", folders=("src",))}
    done = set()

    def visit(header, trail):
        if header in trail:
            yield "circle of includes: " + " -> ".join(trail[trail.index(header):] + [header])
        elif header not in done:
            for target in graph.get(header, []):
                yield from visit(target, trail + [header])
            done.add(header)

    for header in graph:
        yield from visit(header, [])


def libraries_have_one_owner(tree):
    for path in tree.files(".c", ".h", folders=("src",)):
        for number, _, target in tree.includes(path):
            owner = LIBRARY_OWNERS.get(target)
            if owner and owner != path:
                yield f"{path}:{number}: <{target}> is for {owner} alone"


def calls(tree, path, names):
    """(line number, name) of each call. A member of a struct that is named alike is none."""
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
    for number, line in enumerate(tree.code(path).splitlines(), 1):
        if line.lstrip().startswith("#") and "define" not in line:
            continue
        for found in pattern.finditer(line):
            yield number, found.group(1)


def forbidden_calls(tree, rule, names, is_allowed, advice):
    for path in tree.files(".c", ".h", folders=("src",)):
        if is_allowed(path):
            continue
        for number, name in calls(tree, path, names):
            if not tree.is_excepted(rule, path, name):
                yield f"{path}:{number}: {name}(): {advice}"


def only_system_touches_the_world(tree):
    return forbidden_calls(tree, "world", WORLD, lambda path: layer_of(path) == "system",
                           "only system/ touches the world")


def only_memory_allocates(tree):
    return forbidden_calls(tree, "allocation", ALLOCATION, lambda path: path == "src/base/memory.c",
                           "memory comes from base/memory.h")


def no_call_is_unsafe(tree):
    return forbidden_calls(tree, "unsafe", UNSAFE, lambda path: False,
                           "does not know the size of what it writes, or hides an error")


CHECKS = [
    ("includes point down only", includes_point_down),
    ("headers include each other in no circle", headers_include_in_no_circle),
    ("libev and jemalloc have one owner each", libraries_have_one_owner),
    ("only system/ touches the world", only_system_touches_the_world),
    ("only base/memory allocates", only_memory_allocates),
    ("no call is unsafe", no_call_is_unsafe),
]

if __name__ == "__main__":
    main(CHECKS)
