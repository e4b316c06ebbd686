// Writes record batches with Apache Kafka's own code (4.3), and lists any batches as
// Kafka's own code reads them. Run by hand, when the golden files are renewed:
//
//   java -cp 'LIBS/*' Golden.java write kafka.batches       (LIBS: the jars of kafka-clients and its codecs)
//   go test -run Golden -update .                           (writes umbra.batches)
//   java -cp 'LIBS/*' Golden.java list  kafka.batches > kafka.txt
//   java -cp 'LIBS/*' Golden.java list  umbra.batches > umbra.txt
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Golden {
    static final byte V2 = RecordBatch.MAGIC_VALUE_V2;
    static long offset = 7;
    static ByteArrayOutputStream out = new ByteArrayOutputStream();

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write(Path.of(args[1])); else list(Path.of(args[1]));
    }

    static void write(Path to) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            put(MemoryRecords.withRecords(V2, offset, Compression.of(codec).build(), TimestampType.CREATE_TIME,
                -1, (short) -1, -1, 3, false, records(20, 40)));
            put(MemoryRecords.withRecords(V2, offset + 5, Compression.of(codec).build(), TimestampType.CREATE_TIME,
                77, (short) 4, 1000, 3, false, records(3, codec.equals("none") ? 40 : 60000)));
        }
        put(MemoryRecords.withRecords(V2, offset, Compression.NONE, TimestampType.LOG_APPEND_TIME,
            -1, (short) -1, -1, 4, false, records(2, 10)));
        put(MemoryRecords.withRecords(V2, offset, Compression.NONE, TimestampType.CREATE_TIME,
            78, (short) 0, 2147483646, 5, true, records(4, 10)));
        put(MemoryRecords.withEndTransactionMarker(offset, 1700000009000L, 5, 78, (short) 0,
            new EndTransactionMarker(ControlRecordType.ABORT, 12)));
        put(MemoryRecords.withEndTransactionMarker(offset, 1700000009001L, 5, 78, (short) 1,
            new EndTransactionMarker(ControlRecordType.COMMIT, 13)));
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, V2, 77, (short) 4, 1009, offset + 2, offset + 8, 6,
            TimestampType.CREATE_TIME, 1700000009002L, false, false);
        out.write(empty.array());
        Files.write(to, out.toByteArray());
    }

    static SimpleRecord[] records(int n, int size) {
        List<SimpleRecord> rs = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            byte[] value = new byte[size];
            for (int j = 0; j < size; j++) value[j] = (byte) ("a value, not too dull: ".charAt(j % 23) + (j / 997) % 5);
            Header[] headers = i % 3 == 1 ? new Header[] {new RecordHeader("h" + i, new byte[] {1, 2}), new RecordHeader("null", null)} : new Header[0];
            rs.add(new SimpleRecord(1700000000000L + (i * 7) % 5, i % 2 == 0 ? null : ("key-" + i).getBytes(), i % 5 == 4 ? null : value, headers));
        }
        return rs.toArray(new SimpleRecord[0]);
    }

    static void put(MemoryRecords m) {
        byte[] b = new byte[m.sizeInBytes()];
        m.buffer().duplicate().get(b);
        out.writeBytes(b);
        for (RecordBatch batch : m.batches()) offset = batch.nextOffset();
    }

    static void list(Path from) throws Exception {
        for (MutableRecordBatch b : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(from))).batches()) {
            b.ensureValid();
            System.out.printf("batch %d..%d size %d epoch %d crc %08x %s %s txn %b control %b producer %d/%d/%d last %d count %d max %d%n",
                b.baseOffset(), b.lastOffset(), b.sizeInBytes(), b.partitionLeaderEpoch(), b.checksum(), b.compressionType().name,
                b.timestampType().name, b.isTransactional(), b.isControlBatch(), b.producerId(), b.producerEpoch(), b.baseSequence(),
                b.lastSequence(), b.countOrNull(), b.maxTimestamp());
            for (org.apache.kafka.common.record.internal.Record r : b) {
                System.out.printf("  %d at %d key %s value %s", r.offset(), r.timestamp(), sum(r.key()), sum(r.value()));
                for (Header h : r.headers()) System.out.printf(" %s=%s", h.key(), sum(h.value() == null ? null : ByteBuffer.wrap(h.value())));
                if (b.isControlBatch()) System.out.printf(" marker %s of coordinator epoch %d", ControlRecordType.parse(r.key()),
                    EndTransactionMarker.deserialize(r).coordinatorEpoch());
                System.out.println();
            }
        }
    }

    static String sum(ByteBuffer b) {
        if (b == null) return "null";
        CRC32 crc = new CRC32();
        crc.update(b.duplicate());
        return b.remaining() + ":" + String.format("%08x", crc.getValue());
    }
}
