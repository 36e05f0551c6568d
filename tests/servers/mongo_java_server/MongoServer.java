import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;
import org.h2.mvstore.MVStore;

/** mongo-java-server on 127.0.0.1: arguments are the port and the file in which it keeps everything. */
class Main {
    public static void main(String[] arguments) {
        var backend = new DurableBackend(arguments[1]);
        backend.version(new Version());
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }

    /**
     * What was answered outlives the process, as with j=true. Nothing is written but between two messages: a commit
     * in the middle of one would keep a document without its indices, if the process is killed then.
     */
    static class DurableBackend extends H2Backend {
        DurableBackend(String file) {
            super(new MVStore.Builder().fileName(file).autoCommitDisabled().open());
        }

        @Override
        public synchronized Document handleMessage(MongoMessage message) {
            try {
                return super.handleMessage(message);
            } finally {
                commit();
            }
        }
    }

    /** The library calls itself older than PyMongo accepts; what the gateway asks for it knows. */
    static class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }
}
