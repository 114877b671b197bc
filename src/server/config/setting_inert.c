#include "server/config/setting_inert.h"

#include "base/number.h"
#include "server/config/setting.h"

/* clang-format off */
const struct setting_inert setting_inert_table[] = {
    {"no-appendfsync-on-rewrite", NULL, "no", INERT_BOOL, INERT_NOT_KEPT},
    {"aof-load-corrupt-tail-max-size", NULL, "0", INERT_MEMORY, INERT_NOT_KEPT},
    {"aof-use-rdb-preamble", NULL, "yes", INERT_BOOL, INERT_NOT_KEPT},
    {"aof-timestamp-enabled", NULL, "no", INERT_BOOL, INERT_NOT_KEPT},
    {"aof-disable-auto-gc", NULL, "no", INERT_BOOL, INERT_NOT_KEPT},
    {"aof-rewrite-incremental-fsync", NULL, "yes", INERT_BOOL, INERT_NOT_KEPT},
    {"rdb-save-incremental-fsync", NULL, "yes", INERT_BOOL, INERT_NOT_KEPT},
    {"rdb-version-check", NULL, "strict", INERT_TEXT, INERT_NOT_KEPT},
    {"rdb-del-sync-files", NULL, "no", INERT_BOOL, INERT_NOT_KEPT},
    {"sanitize-dump-payload", NULL, "no", INERT_TEXT, INERT_NOT_KEPT},

    {"replicaof", "slaveof", "", INERT_FIXED, INERT_REPLICATION},
    {"primaryuser", "masteruser", "", INERT_SECRET, INERT_REPLICATION},
    {"primaryauth", "masterauth", "", INERT_SECRET, INERT_REPLICATION},
    {"replica-serve-stale-data", "slave-serve-stale-data", "yes", INERT_BOOL, INERT_REPLICATION},
    {"replica-read-only", "slave-read-only", "yes", INERT_BOOL, INERT_REPLICATION},
    {"replica-priority", "slave-priority", "100", INERT_NUMBER, INERT_REPLICATION},
    {"replica-announced", NULL, "yes", INERT_BOOL, INERT_REPLICATION},
    {"replica-announce-ip", "slave-announce-ip", "", INERT_TEXT, INERT_REPLICATION},
    {"replica-announce-port", "slave-announce-port", "0", INERT_NUMBER, INERT_REPLICATION},
    {"replica-ignore-maxmemory", "slave-ignore-maxmemory", "yes", INERT_BOOL, INERT_REPLICATION},
    {"replica-ignore-disk-write-errors", NULL, "no", INERT_BOOL, INERT_REPLICATION},
    {"replica-lazy-flush", "slave-lazy-flush", "no", INERT_BOOL, INERT_REPLICATION},
    {"replica-full-sync-buffer-limit", NULL, "0", INERT_MEMORY, INERT_REPLICATION},
    {"repl-diskless-sync", NULL, "yes", INERT_BOOL, INERT_REPLICATION},
    {"repl-diskless-sync-delay", NULL, "5", INERT_NUMBER, INERT_REPLICATION},
    {"repl-diskless-sync-max-replicas", NULL, "0", INERT_NUMBER, INERT_REPLICATION},
    {"repl-diskless-load", NULL, "disabled", INERT_TEXT, INERT_REPLICATION},
    {"repl-disable-tcp-nodelay", NULL, "no", INERT_BOOL, INERT_REPLICATION},
    {"repl-ping-replica-period", "repl-ping-slave-period", "10", INERT_NUMBER, INERT_REPLICATION},
    {"repl-timeout", NULL, "60", INERT_NUMBER, INERT_REPLICATION},
    {"repl-backlog-size", NULL, "1048576", INERT_MEMORY, INERT_REPLICATION},
    {"repl-backlog-ttl", NULL, "3600", INERT_NUMBER, INERT_REPLICATION},
    {"repl-rdb-channel", NULL, "no", INERT_BOOL, INERT_REPLICATION},
    {"repl-mptcp", NULL, "no", INERT_BOOL, INERT_REPLICATION},
    {"dual-channel-replication-enabled", NULL, "no", INERT_BOOL, INERT_REPLICATION},
    {"min-replicas-to-write", "min-slaves-to-write", "0", INERT_FIXED, INERT_REPLICATION},
    {"min-replicas-max-lag", "min-slaves-max-lag", "10", INERT_NUMBER, INERT_REPLICATION},
    {"propagation-error-behavior", NULL, "ignore", INERT_TEXT, INERT_REPLICATION},

    {"cluster-enabled", NULL, "no", INERT_FIXED, INERT_CLUSTER},
    {"cluster-config-file", NULL, "nodes.conf", INERT_START, INERT_CLUSTER},
    {"cluster-config-save-behavior", NULL, "sync", INERT_TEXT, INERT_CLUSTER},
    {"cluster-node-timeout", NULL, "15000", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-ping-interval", NULL, "1000", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-port", NULL, "0", INERT_START, INERT_CLUSTER},
    {"cluster-announce-ip", NULL, "", INERT_TEXT, INERT_CLUSTER},
    {"cluster-announce-hostname", NULL, "", INERT_TEXT, INERT_CLUSTER},
    {"cluster-announce-human-nodename", NULL, "", INERT_TEXT, INERT_CLUSTER},
    {"cluster-announce-port", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-announce-tls-port", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-announce-bus-port", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-announce-client-ipv4", NULL, "", INERT_TEXT, INERT_CLUSTER},
    {"cluster-announce-client-ipv6", NULL, "", INERT_TEXT, INERT_CLUSTER},
    {"cluster-announce-client-port", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-announce-client-tls-port", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-preferred-endpoint-type", NULL, "ip", INERT_TEXT, INERT_CLUSTER},
    {"cluster-require-full-coverage", NULL, "yes", INERT_BOOL, INERT_CLUSTER},
    {"cluster-allow-replica-migration", NULL, "yes", INERT_BOOL, INERT_CLUSTER},
    {"cluster-allow-reads-when-down", NULL, "no", INERT_BOOL, INERT_CLUSTER},
    {"cluster-allow-pubsubshard-when-down", NULL, "yes", INERT_BOOL, INERT_CLUSTER},
    {"cluster-replica-validity-factor", "cluster-slave-validity-factor", "10",
     INERT_NUMBER, INERT_CLUSTER},
    {"cluster-replica-no-failover", "cluster-slave-no-failover", "no", INERT_BOOL, INERT_CLUSTER},
    {"cluster-migration-barrier", NULL, "1", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-link-sendbuf-limit", NULL, "0", INERT_MEMORY, INERT_CLUSTER},
    {"cluster-slot-stats-enabled", NULL, "no", INERT_BOOL, INERT_CLUSTER},
    {"cluster-slot-migration-log-max-len", NULL, "1000", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-slot-migration-handoff-max-lag-bytes", NULL, "1048576", INERT_MEMORY, INERT_CLUSTER},
    {"cluster-slot-migration-write-pause-timeout", NULL, "10000", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-compatibility-sample-ratio", NULL, "0", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-blacklist-ttl", NULL, "60", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-manual-failover-timeout", NULL, "5000", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-message-gossip-perc", NULL, "10", INERT_NUMBER, INERT_CLUSTER},
    {"cluster-databases", NULL, "1", INERT_START, INERT_CLUSTER},
    {"slot-migration-max-failover-repl-bytes", NULL, "0", INERT_MEMORY, INERT_CLUSTER},
    {"auto-failover-on-shutdown", NULL, "no", INERT_BOOL, INERT_CLUSTER},
    {"availability-zone", NULL, "", INERT_TEXT, INERT_CLUSTER},

    {"tls-port", NULL, "0", INERT_FIXED, INERT_TLS},
    {"tls-cert-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-key-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-key-file-pass", NULL, "", INERT_SECRET, INERT_TLS},
    {"tls-client-cert-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-client-key-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-client-key-file-pass", NULL, "", INERT_SECRET, INERT_TLS},
    {"tls-dh-params-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-ca-cert-file", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-ca-cert-dir", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-auth-clients", NULL, "yes", INERT_TEXT, INERT_TLS},
    {"tls-auth-clients-user", NULL, "off", INERT_TEXT, INERT_TLS},
    {"tls-auto-reload-interval", NULL, "0", INERT_NUMBER, INERT_TLS},
    {"tls-replication", NULL, "no", INERT_BOOL, INERT_TLS},
    {"tls-cluster", NULL, "no", INERT_BOOL, INERT_TLS},
    {"tls-protocols", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-ciphers", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-ciphersuites", NULL, "", INERT_TEXT, INERT_TLS},
    {"tls-prefer-server-ciphers", NULL, "no", INERT_BOOL, INERT_TLS},
    {"tls-session-caching", NULL, "yes", INERT_BOOL, INERT_TLS},
    {"tls-session-cache-size", NULL, "20480", INERT_NUMBER, INERT_TLS},
    {"tls-session-cache-timeout", NULL, "300", INERT_NUMBER, INERT_TLS},

    {"list-compress-depth", NULL, "0", INERT_NUMBER, INERT_VALUES},
    {"vset-force-single-threaded-execution", NULL, "no", INERT_BOOL, INERT_VALUES},

    {"busy-reply-threshold", "lua-time-limit", "5000", INERT_NUMBER, INERT_SCRIPTS},
    {"lua-enable-deprecated-api", NULL, "no", INERT_START, INERT_SCRIPTS},
    {"lua-enable-insecure-api", NULL, "no", INERT_BOOL, INERT_SCRIPTS},
    {"loadmodule", NULL, "", INERT_LINE, INERT_SCRIPTS},
    {"enable-protected-configs", NULL, "no", INERT_START, INERT_SCRIPTS},

    {"aclfile", NULL, "", INERT_REFUSED, INERT_ACCESS},
    {"user", NULL, "", INERT_REFUSED_LINE, INERT_ACCESS},
    {"acllog-max-len", NULL, "128", INERT_NUMBER, INERT_ACCESS},
    {"acl-pubsub-default", NULL, "resetchannels", INERT_TEXT, INERT_ACCESS},

    {"always-show-logo", NULL, "no", INERT_START, INERT_SYSTEM},
    {"set-proc-title", NULL, "yes", INERT_START, INERT_SYSTEM},
    {"proc-title-template", NULL, "{title} {listen-addr} {server-mode}", INERT_TEXT, INERT_SYSTEM},
    {"syslog-enabled", NULL, "no", INERT_START, INERT_SYSTEM},
    {"syslog-ident", NULL, "redis", INERT_START, INERT_SYSTEM},
    {"syslog-facility", NULL, "local0", INERT_START, INERT_SYSTEM},
    {"log-format", NULL, "legacy", INERT_TEXT, INERT_SYSTEM},
    {"log-timestamp-format", NULL, "legacy", INERT_TEXT, INERT_SYSTEM},
    {"hide-user-data-from-log", NULL, "yes", INERT_BOOL, INERT_SYSTEM},
    {"crash-memcheck-enabled", NULL, "yes", INERT_BOOL, INERT_SYSTEM},
    {"disable-thp", NULL, "yes", INERT_START, INERT_SYSTEM},
    {"oom-score-adj", NULL, "no", INERT_TEXT, INERT_SYSTEM},
    {"oom-score-adj-values", NULL, "0 200 800", INERT_TEXT, INERT_SYSTEM},
    {"server_cpulist", "server-cpulist", "", INERT_START, INERT_SYSTEM},
    {"bio_cpulist", "bio-cpulist", "", INERT_START, INERT_SYSTEM},
    {"aof_rewrite_cpulist", "aof-rewrite-cpulist", "", INERT_START, INERT_SYSTEM},
    {"bgsave_cpulist", "bgsave-cpulist", "", INERT_START, INERT_SYSTEM},
    {"socket-mark-id", NULL, "0", INERT_START, INERT_SYSTEM},
    {"bind-source-addr", NULL, "", INERT_TEXT, INERT_SYSTEM},
    {"mptcp", NULL, "no", INERT_START, INERT_SYSTEM},
    {"unixsocketgroup", NULL, "", INERT_START, INERT_SYSTEM},
    {"rdma-port", NULL, "0", INERT_START, INERT_SYSTEM},
    {"rdma-bind", NULL, "", INERT_START, INERT_SYSTEM},
    {"rdma-rx-size", NULL, "1048576", INERT_MEMORY, INERT_SYSTEM},
    {"rdma-completion-vector", NULL, "-1", INERT_NUMBER, INERT_SYSTEM},
    {"locale-collate", NULL, "", INERT_TEXT, INERT_SYSTEM},
    {"ignore-warnings", NULL, "", INERT_TEXT, INERT_SYSTEM},
    {"shutdown-on-sigint", NULL, "default", INERT_TEXT, INERT_SYSTEM},
    {"shutdown-on-sigterm", NULL, "default", INERT_TEXT, INERT_SYSTEM},
    {"watchdog-period", NULL, "0", INERT_NUMBER, INERT_SYSTEM},
    {"debug-context", NULL, "", INERT_TEXT, INERT_SYSTEM},
    {"enable-debug-assert", NULL, "no", INERT_START, INERT_SYSTEM},
    {"hash-seed", NULL, "", INERT_START, INERT_SYSTEM},
    {"extended-redis-compatibility", NULL, "no", INERT_BOOL, INERT_SYSTEM},
    {"import-mode", NULL, "no", INERT_BOOL, INERT_SYSTEM},

    {"io-threads", NULL, "1", INERT_START, INERT_NEEDLESS},
    {"io-threads-do-reads", NULL, "no", INERT_START, INERT_NEEDLESS},
    {"io-threads-always-active", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"events-per-io-thread", NULL, "2", INERT_NUMBER, INERT_NEEDLESS},
    {"min-io-threads-avoid-copy-reply", NULL, "7", INERT_NUMBER, INERT_NEEDLESS},
    {"min-string-size-avoid-copy-reply", NULL, "16384", INERT_NUMBER, INERT_NEEDLESS},
    {"min-string-size-avoid-copy-reply-threaded", NULL, "65536", INERT_NUMBER, INERT_NEEDLESS},
    {"prefetch-batch-max-size", NULL, "16", INERT_NUMBER, INERT_NEEDLESS},
    {"lookahead", NULL, "16", INERT_NUMBER, INERT_NEEDLESS},
    {"max-new-connections-per-cycle", NULL, "10", INERT_NUMBER, INERT_NEEDLESS},
    {"max-new-tls-connections-per-cycle", NULL, "1", INERT_NUMBER, INERT_NEEDLESS},
    {"active-expire-effort", NULL, "1", INERT_NUMBER, INERT_NEEDLESS},
    {"lazyfree-lazy-eviction", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"lazyfree-lazy-expire", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"lazyfree-lazy-server-del", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"lazyfree-lazy-user-del", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"lazyfree-lazy-user-flush", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"lazyexpire-nested-arbitrary-keys", NULL, "yes", INERT_BOOL, INERT_NEEDLESS},
    {"activedefrag", NULL, "no", INERT_BOOL, INERT_NEEDLESS},
    {"active-defrag-ignore-bytes", NULL, "104857600", INERT_MEMORY, INERT_NEEDLESS},
    {"active-defrag-threshold-lower", NULL, "10", INERT_NUMBER, INERT_NEEDLESS},
    {"active-defrag-threshold-upper", NULL, "100", INERT_NUMBER, INERT_NEEDLESS},
    {"active-defrag-cycle-min", NULL, "1", INERT_NUMBER, INERT_NEEDLESS},
    {"active-defrag-cycle-max", NULL, "25", INERT_NUMBER, INERT_NEEDLESS},
    {"active-defrag-cycle-us", NULL, "500", INERT_NUMBER, INERT_NEEDLESS},
    {"active-defrag-max-scan-fields", NULL, "1000", INERT_NUMBER, INERT_NEEDLESS},
    {"jemalloc-bg-thread", NULL, "yes", INERT_BOOL, INERT_NEEDLESS},
    {"key-memory-histograms", NULL, "no", INERT_BOOL, INERT_NEEDLESS},

    {.name = NULL},
};
/* clang-format on */

const char *setting_inert_reason(enum inert_reason reason)
{
    static const char *const reasons[INERT_REASONS] = {
        [INERT_NOT_KEPT] = "the log and snapshots have no use for it",
        [INERT_REPLICATION] = "there is no replication in this version",
        [INERT_CLUSTER] = "there is no cluster mode in this version",
        [INERT_TLS] = "there is no TLS in this version",
        [INERT_VALUES] = "values are not kept that way in this version",
        [INERT_SCRIPTS] = "there are no scripts and modules in this version",
        [INERT_ACCESS] = "there is no ACL in this version",
        [INERT_SYSTEM] = "left to the system, or not done in this version",
        [INERT_NEEDLESS] = "not needed here",
    };
    return reasons[reason];
}

bool setting_inert_accepts(const struct setting_inert *inert, struct slice value,
                           struct setting_problem *problem)
{
    int64_t integer;
    uint64_t bytes;
    switch (inert->kind) {
    case INERT_BOOL:
        if (slice_is_word(value, "yes") || slice_is_word(value, "no"))
            return true;
        setting_complain(problem, "argument must be 'yes' or 'no'");
        return false;
    case INERT_NUMBER:
        return setting_parse_integer(value, INT64_MIN, INT64_MAX, &integer, problem);
    case INERT_MEMORY:
        if (number_parse_memory_size(value, &bytes))
            return true;
        setting_complain(problem, "argument must be a memory value");
        return false;
    case INERT_TEXT:
    case INERT_SECRET:
        return true;
    case INERT_START:
    case INERT_LINE:
    case INERT_REFUSED_LINE:
        setting_complain(problem, "can't set immutable config");
        return false;
    case INERT_FIXED:
    case INERT_REFUSED:
        if (slice_is_word(value, inert->value))
            return true;
        setting_complain(problem, "%s", setting_inert_reason(inert->reason));
        return false;
    }
    return false;
}
