# Holdfast. `make help` names the targets. Sources and tests are found by wildcard: no file is listed here.

BUILD  ?= build
PREFIX ?= /usr/local
V      ?= 0
WERROR ?= -Werror
LTO    ?= 0
FUZZ_SECONDS ?= 60
SIMULATION_SECONDS ?= 60
HOURS ?= 1
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(JOBS) --no-print-directory
endif
Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(2),)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# --- flags -----------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla $(WERROR)
LANGUAGE := -std=c17 -D_GNU_SOURCE
OPTIMISE := -O2
LIBRARIES := -lev -lxxhash -llzf -lmd -lm -lpthread

# SANITIZE: what a build is watched by; set by the targets asan, tsan, valgrind and fuzz. In such a
# build the C library's allocator stands in for jemalloc, so that the watcher sees every block.
SANITIZE ?=
ifeq ($(SANITIZE),)
LIBRARIES += -ljemalloc
else
WARNINGS := $(filter-out -Werror,$(WARNINGS)) # optimisers warn about the watchers' own code
LANGUAGE += -DHOLDFAST_SANITIZED
OPTIMISE := -O1
endif
SANITIZER_FLAGS := $(strip \
    $(if $(filter address,$(SANITIZE)),-fsanitize=address -fsanitize=undefined \
                                       -fno-sanitize-recover=all) \
    $(if $(filter thread,$(SANITIZE)),-fsanitize=thread) \
    $(if $(filter fuzzer,$(SANITIZE)),-fsanitize=fuzzer-no-link -fsanitize=address \
                                      -fsanitize=undefined -fno-sanitize-recover=all))

# COVERAGE=1: a build that counts what is run; set by the target coverage. Not optimised, so that each
# branch of the source is one of the program; atomic, since the worker counts, too.
ifeq ($(COVERAGE),1)
OPTIMISE := -O0 --coverage -fprofile-update=atomic
endif

ifeq ($(LTO),1)
ifneq ($(findstring gcc,$(notdir $(CC))),gcc)
$(error LTO=1 is for gcc only)
endif
OPTIMISE += -flto=auto
AR := gcc-ar
endif

COMPILE = $(CC) $(LANGUAGE) $(OPTIMISE) -g -fno-omit-frame-pointer $(WARNINGS) $(SANITIZER_FLAGS) \
          $(CFLAGS)
LINK    = $(CC) $(OPTIMISE) -g $(SANITIZER_FLAGS) $(CFLAGS) -rdynamic $(LDFLAGS)

# --- what there is ---------------------------------------------------------------------------------

comma := ,
find_sources = $(sort $(shell find $(1) -name '$(2)' 2>/dev/null))

SOURCES       := $(call find_sources,src,*.c)
ARCHIVE       := $(BUILD)/libholdfast.a
ARCHIVE_PARTS := $(patsubst %.c,$(BUILD)/objects/%.o,$(filter-out src/main.c,$(SOURCES)))
SERVER        := $(if $(wildcard src/main.c),$(BUILD)/holdfast-server)

# utils/x.c is the program x; the folder utils/x/ is the program holdfast-x.
UTIL_FILES    := $(patsubst utils/%.c,%,$(wildcard utils/*.c))
UTIL_FOLDERS  := $(sort $(patsubst utils/%/,%,$(dir $(wildcard utils/*/*.c))))
BENCH         := $(if $(filter bench,$(UTIL_FOLDERS)),$(BUILD)/holdfast-bench)
UTILS         := $(addprefix $(BUILD)/,$(UTIL_FILES)) \
                 $(patsubst %,$(BUILD)/holdfast-%,$(filter-out bench,$(UTIL_FOLDERS)))

# A file X_test.c is a program; what stands in support/ is linked into each of its kind.
UNIT_TESTS      := $(patsubst %.c,$(BUILD)/%,$(call find_sources,tests/unit,*_test.c))
UNIT_SUPPORT    := $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard tests/unit/support/*.c))
SERVER_TESTS    := $(patsubst %.c,$(BUILD)/%,$(call find_sources,tests/server,*_test.c))
SERVER_SUPPORT  := $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard tests/server/support/*.c))
FAULT_TESTS     := $(patsubst %.c,$(BUILD)/%,$(call find_sources,tests/fault,*_test.c))
FAULT_SUPPORT   := $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard tests/fault/support/*.c))
# Preloaded by the guest of tests/power: tests/power/whole_registers.so of tests/power/support/.
POWER_PRELOADS  := $(patsubst tests/power/support/%.c,$(BUILD)/tests/power/%.so,\
                              $(wildcard tests/power/support/*.c))
FUZZ_TESTS      := $(patsubst %.c,$(BUILD)/%,$(call find_sources,tests/fuzz,*_fuzz.c))

# The whole server in a world of its own: tests/simulation/system/x.c instead of src/system/x.c. The
# linker takes what it has already before it looks into the archive.
SIMULATION       := $(BUILD)/simulation
SIMULATION_PARTS := $(patsubst %.c,$(BUILD)/objects/%.o,$(call find_sources,tests/simulation,*.c))

# --- building --------------------------------------------------------------------------------------

.PHONY: all help run deps deps-test check unit server-test fault client-test difference simulation \
        power soak fuzz asan tsan valgrind coverage mutate test bench bench-smoke instructions install clean \
        format show-flags watch-nothing
.DEFAULT_GOAL := all

all: $(ARCHIVE) $(SERVER) $(UTILS)

# Programs of tests; used by the targets below and by their sanitized builds.
.PHONY: unit-programs server-programs fault-programs fuzz-programs simulation-programs power-programs
unit-programs: $(UNIT_TESTS)
server-programs: $(SERVER) $(SERVER_TESTS)
fault-programs: $(SERVER) $(FAULT_TESTS)
fuzz-programs: $(FUZZ_TESTS)
simulation-programs: $(SIMULATION)
power-programs: $(SERVER) $(POWER_PRELOADS)

# A file that changes only when its content does: what depends on it is then built anew.
define remember
$(1): watch-nothing
	@mkdir -p $$(@D); printf '%s\n' '$(2)' | cmp -s - $$@ || printf '%s\n' '$(2)' > $$@
endef
watch-nothing: ;
$(eval $(call remember,$(BUILD)/flags.stamp,$(COMPILE) $(LIBRARIES) $(LDFLAGS)))
$(eval $(call remember,$(BUILD)/sources.stamp,$(SOURCES)))

$(BUILD)/objects/%.o: %.c $(BUILD)/flags.stamp
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) $(INCLUDES) -MMD -MP -c -o $@ $<

INCLUDES = -Isrc
$(BUILD)/objects/tests/unit/%: INCLUDES += -Itests/unit
$(BUILD)/objects/tests/server/%: INCLUDES += -Itests/server
$(BUILD)/objects/tests/fault/%: INCLUDES += -Itests/fault -Itests/server -Itests/unit
$(BUILD)/objects/tests/fuzz/%: INCLUDES += -Itests/fuzz
$(BUILD)/objects/tests/simulation/%: INCLUDES += -Itests/simulation
$(BUILD)/objects/utils/%: INCLUDES += -Iutils

$(ARCHIVE): $(ARCHIVE_PARTS) $(BUILD)/sources.stamp
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) qcs $@ $(ARCHIVE_PARTS) # q: files of the same name in two folders both stay

define link
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(OWN_LIBRARIES) $(LIBRARIES)
endef
$(SERVER_TESTS) $(FAULT_TESTS) $(SIMULATION): OWN_LIBRARIES += -lhiredis
$(UNIT_TESTS) $(SERVER_TESTS) $(FAULT_TESTS): OWN_LIBRARIES += -lcmocka
$(SIMULATION): OWN_LIBRARIES += -Wl,--wrap=memory_gauge_read # tests/simulation/world.h
$(FUZZ_TESTS): OWN_LIBRARIES += -fsanitize=fuzzer
# tests/unit/support/failing_memory.h; $(FAILING_MEMORY) is linked into fault tests, too.
FAILING_MEMORY := $(BUILD)/objects/tests/unit/support/failing_memory.o
$(UNIT_TESTS) $(FAULT_TESTS): OWN_LIBRARIES += $(addprefix -Wl$(comma)--wrap=, \
    memory_try_allocate memory_try_resize buffer_add buffer_add_string buffer_add_format \
    log_writer_append log_writer_end_transaction pending_list_set)

$(BUILD)/holdfast-server: $(BUILD)/objects/src/main.o $(ARCHIVE)
	$(link)

$(addprefix $(BUILD)/,$(UTIL_FILES)): $(BUILD)/%: $(BUILD)/objects/utils/%.o $(ARCHIVE)
	$(link)

define folder_program
$(BUILD)/holdfast-$(1): $(patsubst %.c,$(BUILD)/objects/%.o,$(wildcard utils/$(1)/*.c)) $(ARCHIVE)
	$$(link)
endef
$(foreach folder,$(UTIL_FOLDERS),$(eval $(call folder_program,$(folder))))

$(UNIT_TESTS): $(BUILD)/%: $(BUILD)/objects/%.o $(UNIT_SUPPORT) $(ARCHIVE)
	$(link)
$(SERVER_TESTS): $(BUILD)/%: $(BUILD)/objects/%.o $(SERVER_SUPPORT) $(ARCHIVE)
	$(link)
$(FAULT_TESTS): $(BUILD)/%: $(BUILD)/objects/%.o $(FAULT_SUPPORT) $(SERVER_SUPPORT) \
                            $(FAILING_MEMORY) $(ARCHIVE)
	$(link)
$(FUZZ_TESTS): $(BUILD)/%: $(BUILD)/objects/%.o $(ARCHIVE)
	$(link)
$(SIMULATION): $(SIMULATION_PARTS) $(ARCHIVE)
	$(link)
$(POWER_PRELOADS): $(BUILD)/tests/power/%.so: tests/power/support/%.c $(BUILD)/flags.stamp
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -shared -fPIC -o $@ $<

.SECONDARY:
-include $(shell find $(BUILD)/objects -name '*.d' 2>/dev/null)

# --- using -----------------------------------------------------------------------------------------

help:
	@echo 'make                     the server: build/holdfast-server'
	@echo 'make run                 installs what is missing, builds, starts on port 6379 with conf/holdfast.conf'
	@echo 'make test                installs what is missing, builds, then runs everything that CI runs'
	@echo 'make check               format, layers, headers, limits, both compilers'
	@echo 'make format              formats the sources'
	@echo 'make unit                unit tests;    also: server-test, fault, client-test, difference, power'
	@echo 'make simulation          the server in a simulated world, new seeds for SIMULATION_SECONDS=60 seconds'
	@echo 'make soak HOURS=1        simulation, difference, fuzz and power look for what is new, for hours'
	@echo 'make fuzz                every fuzz target for FUZZ_SECONDS=60 seconds'
	@echo 'make asan|tsan|valgrind  unit and server tests in a watched build'
	@echo 'make coverage            lines and branches that unit, server and fault tests run, by file'
	@echo "make mutate FILES='src/persist/*.c'  plants faults: which does no test notice? SAMPLE=n SEED=n: some; LONGEST=s: by quick tests"
	@echo 'make bench               figures beside redis-server; make bench-smoke: some, in a minute'
	@echo 'make instructions        instruction counts of the hot path beside those on file'
	@echo 'make install PREFIX=/usr/local DESTDIR='
	@echo 'make clean'
	@echo 'Variables: BUILD=build CC=gcc|clang V=1 LTO=1 JOBS=n TESTS=word (run what has the word in its name)'

deps:
	@deps/install build run
deps-test:
	@deps/install build run test

run: deps
	@$(MAKE) all
	$(BUILD)/holdfast-server conf/holdfast.conf

bench: deps
	@deps/install bench
	@$(MAKE) all $(BENCH)
	$(BUILD)/holdfast-bench
	utils/bench/plot.py $(BUILD)/bench/throughput.json $(BUILD)/bench/throughput.png

bench-smoke: deps
	@deps/install bench
	@$(MAKE) all $(BENCH)
	$(BUILD)/holdfast-bench smoke

instructions: deps-test
	@$(MAKE) all
	utils/bench/instructions.py $(BUILD)/holdfast-server

# --- testing: every target is a list of suites for tests/run -----------------------------------------

RUN = tests/run --build $(BUILD) --fuzz-seconds $(FUZZ_SECONDS) \
       --simulation-seconds $(SIMULATION_SECONDS) --jobs $(JOBS) $(if $(TESTS),--only '$(TESTS)')

# Each watched build lives in a folder of its own.
ASAN     := BUILD=$(BUILD)/asan SANITIZE=address
TSAN     := BUILD=$(BUILD)/tsan SANITIZE=thread
VALGRIND := BUILD=$(BUILD)/valgrind SANITIZE=valgrind
COVERAGE := BUILD=$(BUILD)/coverage COVERAGE=1
FUZZ     := BUILD=$(BUILD)/fuzz SANITIZE=fuzzer CC=clang LTO=0

# Formats every source in place.
format:
	clang-format -i $(call find_sources,src tests utils,*.[ch])

show-flags:
	@echo $(LANGUAGE) $(WARNINGS)

check: all unit-programs server-programs fault-programs simulation-programs
	@$(RUN) check
unit: unit-programs
	@$(RUN) unit
server-test: server-programs
	@$(RUN) server
fault: fault-programs
	@$(RUN) fault
simulation: simulation-programs
	@$(RUN) --new-seeds simulation
client-test: all
	@deps/install test
	@$(RUN) clients
difference: all
	@$(RUN) difference
power: power-programs
	@$(RUN) power
# HOURS may be a fraction.
soak: deps-test
	@$(MAKE) simulation-programs power-programs
	@$(MAKE) $(FUZZ) fuzz-programs
	@$(RUN) --hours $(HOURS) simulation difference fuzz power
fuzz:
	@$(MAKE) $(FUZZ) fuzz-programs
	@$(RUN) --new-seeds fuzz
asan:
	@$(MAKE) $(ASAN) unit-programs server-programs fault-programs simulation-programs
	@$(RUN) asan
tsan:
	@$(MAKE) $(TSAN) unit-programs server-programs fault-programs
	@$(RUN) tsan
valgrind:
	@$(MAKE) $(VALGRIND) unit-programs server-programs fault-programs
	@$(RUN) valgrind
# Counts are of this run only. Tests that fail do not hide the figures, but the target fails, too.
coverage:
	@$(MAKE) $(COVERAGE) all unit-programs server-programs fault-programs
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@tests/run --build $(BUILD)/coverage --jobs $(JOBS) unit server fault; status=$$?; \
	    utils/coverage/report.py $(BUILD)/coverage && exit $$status

mutate: all unit-programs server-programs fault-programs simulation-programs
	@test -n "$(FILES)" || { echo "make mutate FILES='src/persist/*.c' [SAMPLE=n] [SEED=n] [LONGEST=s]"; exit 1; }
	@utils/mutate/mutate.py --build $(BUILD) --jobs $(JOBS) $(if $(SAMPLE),--sample $(SAMPLE)) \
	    $(if $(SEED),--seed $(SEED)) $(if $(LONGEST),--longest $(LONGEST)) $(FILES)

TEST_SUITES := check unit server fault simulation clients difference power fuzz asan
test: deps-test
	@$(MAKE) all unit-programs server-programs fault-programs simulation-programs power-programs
	@$(MAKE) $(ASAN) unit-programs server-programs fault-programs simulation-programs
	@$(MAKE) $(FUZZ) fuzz-programs
	@$(RUN) $(TEST_SUITES)

# --- delivering ------------------------------------------------------------------------------------

BIN_FOLDER  := $(PREFIX)/bin
CONF_FOLDER := $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)/holdfast
UNIT_FOLDER := $(PREFIX)/lib/systemd

# A configuration that is there already is kept: it is the user's.
install: all
	install -D -m 755 $(BUILD)/holdfast-server $(DESTDIR)$(BIN_FOLDER)/holdfast-server
	install -D -m 755 $(BUILD)/holdfast-log $(DESTDIR)$(BIN_FOLDER)/holdfast-log
	test -e $(DESTDIR)$(CONF_FOLDER)/holdfast.conf || \
	    install -D -m 644 conf/holdfast.conf $(DESTDIR)$(CONF_FOLDER)/holdfast.conf
	install -d $(DESTDIR)$(UNIT_FOLDER)/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	sed -e 's|@BIN_FOLDER@|$(BIN_FOLDER)|g' -e 's|@CONF_FOLDER@|$(CONF_FOLDER)|g' \
	    conf/holdfast.service > $(DESTDIR)$(UNIT_FOLDER)/system/holdfast.service
	install -m 644 conf/holdfast.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/holdfast.conf

clean:
	rm -rf $(BUILD)
