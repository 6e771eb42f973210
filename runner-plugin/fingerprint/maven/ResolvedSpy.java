package cachalot;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.apache.maven.eventspy.AbstractEventSpy;
import org.eclipse.aether.RepositoryEvent;

/**
 * Writes down the path of every file that Maven resolves, one a line, into the file that the system property cachalot.resolved
 * names. What spy.ts gives to Maven is this, compiled by `javac --release 7`; a test holds the two together.
 */
public final class ResolvedSpy extends AbstractEventSpy {
  @Override
  public synchronized void onEvent(Object event) throws IOException {
    if (!(event instanceof RepositoryEvent)) return;
    RepositoryEvent resolved = (RepositoryEvent) event;
    if (resolved.getType() != RepositoryEvent.EventType.ARTIFACT_RESOLVED || resolved.getFile() == null) return;
    try (OutputStream out = new FileOutputStream(System.getProperty("cachalot.resolved"), true)) {
      out.write(resolved.getFile().getPath().concat("\n").getBytes("UTF-8"));
    }
  }
}
