package engine

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// mallocConf makes jemalloc give memory back within a second of its last use
// and keep few arenas: a child that has gone idle should look idle.
const mallocConf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true"

const (
	// queryMemoryShare of the cap is what one statement may take, in percent.
	queryMemoryShare = 60
	// Caches as parts of the cap: the mark cache saves a read for each column,
	// the uncompressed one is off by default in the engine and stays so.
	markCacheShare  = 32 // 1/32 of the cap: 128 MiB of 4 GiB
	indexCacheShare = 64
)

// systemLogs are the engine's own log tables. All are switched off: on a quiet
// server they would outgrow the data.
var systemLogs = []string{
	"query_log", "query_thread_log", "query_views_log", "query_metric_log", "part_log", "trace_log",
	"metric_log", "asynchronous_metric_log", "transposed_metric_log", "text_log", "processors_profile_log",
	"opentelemetry_span_log", "latency_log", "error_log", "blob_storage_log", "crash_log", "session_log",
	"asynchronous_insert_log", "backup_log", "s3queue_log", "azure_queue_log", "zookeeper_log",
	"zookeeper_connection_log", "aggregated_zookeeper_log", "filesystem_cache_log",
	"filesystem_read_prefetches_log", "background_schedule_pool_log", "iceberg_metadata_log",
	"delta_lake_metadata_log", "distributed_cache_log", "distributed_cache_server_log", "dead_letter_queue",
	"predicate_statistics_log", "minidump_log",
}

// baseSettings are the query-level settings of every connection.
func baseSettings(o childOptions) map[string]string {
	return map[string]string{
		// This version's default is 1, and a deduplication token must cover
		// exactly the rows of one insert.
		"async_insert": "0",
		"deduplicate_blocks_in_dependent_materialized_views": "1",
		"max_memory_usage": strconv.FormatInt(o.MemoryBytes/100*queryMemoryShare, 10),
		"max_query_size":   strconv.Itoa(maxStatementBytes),
		// The profiler's timers send signals to threads that Go owns too.
		"query_profiler_real_time_period_ns":        "0",
		"query_profiler_cpu_time_period_ns":         "0",
		"memory_profiler_step":                      "0",
		"log_queries":                               "0",
		"log_processors_profiles":                   "0",
		"output_format_native_write_json_as_string": "0",
	}
}

// configXML is the child's server configuration.
func configXML(o childOptions) string {
	var b strings.Builder
	b.WriteString("<clickhouse>\n")
	add := func(name string, value any) {
		fmt.Fprintf(&b, "  <%s>%s</%s>\n", name, escape(fmt.Sprint(value)), name)
	}
	add("max_server_memory_usage", o.MemoryBytes)
	add("max_server_memory_usage_to_ram_ratio", "0.9")
	add("mark_cache_size", o.MemoryBytes/markCacheShare)
	add("index_mark_cache_size", o.MemoryBytes/indexCacheShare)
	add("primary_index_cache_size", o.MemoryBytes/indexCacheShare)
	add("index_uncompressed_cache_size", 0)
	add("uncompressed_cache_size", 0)
	add("query_cache_max_size_in_bytes", 0)
	add("mmap_cache_size", 0)
	add("compiled_expression_cache_size", 16*mib)
	add("mlock_executable", "false")
	// Merges: two at a time on 2 cores, up to 8 on 16.
	add("background_pool_size", min(max(o.Connections/4, 2), 8))
	add("background_merges_mutations_concurrency_ratio", 2)
	add("background_move_pool_size", 1)
	add("background_fetches_pool_size", 1)
	add("background_common_pool_size", 2)
	add("background_schedule_pool_size", 4)
	add("background_buffer_flush_schedule_pool_size", 1)
	add("background_message_broker_schedule_pool_size", 1)
	add("background_distributed_schedule_pool_size", 1)
	add("tables_loader_foreground_pool_size", 2)
	add("tables_loader_background_pool_size", 2)
	add("max_thread_pool_size", 500)
	add("max_thread_pool_free_size", 8)
	add("asynchronous_metrics_update_period_s", 60)
	// Warnings go to stderr, which the parent bounds and logs: it is how failed
	// merges are seen. Errors of statements reach their callers.
	b.WriteString("  <logger><level>warning</level><console>true</console><console_log_level>warning</console_log_level>" +
		"<levels><executeQuery>none</executeQuery></levels></logger>\n")
	for _, name := range systemLogs {
		fmt.Fprintf(&b, "  <%s remove=\"1\"/>\n", name)
	}
	fsync := 0
	if o.Fsync {
		fsync = 1
	}
	fmt.Fprintf(&b, "  <merge_tree>\n    <fsync_after_insert>%d</fsync_after_insert>\n    <fsync_part_directory>%d</fsync_part_directory>\n"+
		"    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>\n"+
		"    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>\n"+
		"    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>\n"+
		"  </merge_tree>\n", fsync, fsync)
	b.WriteString("</clickhouse>\n")
	return b.String()
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer does not fail
	return b.String()
}
