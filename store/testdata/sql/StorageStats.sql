-- StorageStats
SELECT table, sum(rows), sum(bytes_on_disk), sum(data_uncompressed_bytes), count(),
       min(toDateTime(min_date)), max(toDateTime(max_date)),
       sum(secondary_indices_compressed_bytes), sum(primary_key_bytes_in_memory)
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY table;

