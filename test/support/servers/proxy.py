"""A TCP proxy on a free port of 127.0.0.1 that can cut, refuse and hold: the network going wrong on purpose."""
import contextlib
import selectors
import socket
import threading
import time


class Proxy:
    """Proxy(port) forwards .port to 127.0.0.1:port until close(); rate: bytes a second, each connection by itself."""

    def __init__(self, target: int, rate: float | None = None):
        self.target, self.rate = target, rate
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.refusing = threading.Event()
        self.flowing = threading.Event()
        self.flowing.set()
        self.closed = False
        self.bytes = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Resets every connection there is; new ones are taken."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for sock in pair:
                # Linger of zero: the other side sees a reset, as from a broken network, not a clean end.
                with contextlib.suppress(OSError):  # its own end may come first, at any moment
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()

    def down(self):
        """Cuts all, and ends new connections at once, until up()."""
        self.refusing.set()
        self.cut()

    def up(self):
        self.refusing.clear()

    def hold(self):
        """Connections stay, nothing moves: a network that swallows packets. Ends with release()."""
        self.flowing.clear()

    def release(self):
        self.flowing.set()

    def connections(self) -> int:
        with self.lock:
            return len(self.pairs)

    def close(self):
        self.closed = True
        self.listener.close()
        self.flowing.set()
        self.cut()

    def _accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing.is_set():
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self.lock:
                self.pairs.append(pair)
            threading.Thread(target=self._forward, args=(pair,), daemon=True).start()

    def _forward(self, pair):
        other = {pair[0]: pair[1], pair[1]: pair[0]}
        try:
            # Not select(): it refuses descriptors from 1024 on, which a long torture reaches.
            with selectors.DefaultSelector() as selector:
                for sock in pair:
                    selector.register(sock, selectors.EVENT_READ)
                while all(sock.fileno() >= 0 for sock in pair):
                    for key, _ in selector.select(1):
                        self.flowing.wait()
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        self.bytes += len(data)
                        other[key.fileobj].sendall(data)
                        if self.rate:
                            time.sleep(len(data) / self.rate)
        except (OSError, ValueError, KeyError):
            pass  # cut by us, or ended by one side
        finally:
            with self.lock:
                if pair in self.pairs:
                    self.pairs.remove(pair)
            for sock in pair:
                sock.close()
