"""A table of messages: what is put into one text and stays one message, and what makes it another one.

Each row is a text with a gap and what may stand there. All pairs of a row of MERGE are one message, all pairs of a row
of APART are two.
"""

from __future__ import annotations

__all__ = ["APART", "MERGE", "Rows"]

Rows = dict[str, list[tuple[str, list[str]]]]

MERGE: Rows = {
    "ids that begin with the name of a code": [
        ("import {} failed", ["MSG-20260101-7f3a9c", "MSG-20260315-0b1c2d"]),
        ("design {} has no bodies", ["EN-DESIGN-000123", "EN-DESIGN-0471", "EN-DESIGN-12345678"]),
    ],
    "technical words that are counted": [
        ("rendering {} failed", ["page-3", "page-17"]),
        ("rotating {} failed", ["log_3", "log_12"]),
        ("no element {}", ["div-2", "div-44"]),
        ("cannot open {}", ["lib-4", "lib-17"]),
        ("curve {} is degenerate", ["curve-7", "curve-1203"]),
        ("cannot read {}", ["my-page-3", "my-page-12"]),
        ("lost device {}", ["sensor-07a", "sensor-12f", "sensor-3"]),
    ],
    "hosts under reserved names": [
        (
            "cannot reach {}",
            ["db-7.internal.example:5432", "10.0.0.17:5432", "db.example:5432", "pg-1.service.consul:5432"],
        ),
    ],
    "quantities of Kubernetes": [("available: {}.", ["17304Ki", "921Ki", "100Mi", "2Gi"])],
    "lines of nginx": [
        (
            "2024/01/01 00:00:00 [error] {} upstream timed out (110: Connection timed out)",
            ["12345#12345: *67890", "31#31: *8", "404#404: *1"],
        ),
        ("2024/01/01 00:00:00 [alert] {}: worker process 29 exited on signal 9", ["1#1", "17#17"]),
    ],
    "data that a database shows": [
        (
            'null value in column "name" violates not-null constraint\nDETAIL:  Failing row contains {}.',
            ["(17, null, 2024-01-01 10:00:00+00, f)", "(9, null, 2025-01-01 10:00:00+00, t)", "(1, (a), bolt)"],
        ),
        ("(1062, \"Duplicate entry '{}' for key 'user.email'\")", ["anna", "bob@example.com", "Anna B-17"]),
        ("time data '{}' does not match format '%Y'", ["2024-13-45", "99", "soon"]),
    ],
    "quoted path": [
        ("cannot open '{}' for reading", ["/srv/cad/new parts/bolt 7.step", "/mnt/x/Housing (rev 2).iges", "/tmp/a"]),
        (
            'mesh file "{}" is empty',
            ["/data/my project/a b.stl", "./out/final version/lid.stl", "C:\\Program Files\\Mesher\\t 1.stl"],
        ),
        ("no importer for '{}'", ["../in/old drawing.dxf", "models/2024/left wing.dxf", "my models/lid.dxf"]),
    ],
    "relative path": [
        ("skipped {} since it is locked", ["./data/x/12.step", "./data/y/part-b.step", "../backup/9/z.iges"]),
        ("wrote {} at last", ["uploads/2024/part.step", "uploads/2023/lid_rev3.step", "results/mesh.stl"]),
        ("removed {} from the cache", ["media/thumbs/17/a.png", "media/thumbs/4/b.png"]),
    ],
    "Windows path": [
        (
            "access to {} was denied",
            ["C:\\Users\\anna\\part.step", "D:\\cad\\archive\\2021\\x.step", "C:/Users/ben/y.step"],
        ),
        ("share {} is offline", ["\\\\nas01\\cad\\jobs", "\\\\fileserver\\public\\old"]),
        ("license read from {}", ["C:\\Program Files (x86)\\Kernel\\lic.dat", "E:\\lic\\lic.dat"]),
    ],
    "POSIX path": [
        ("disk of {} is nearly full", ["/srv/media/uploads", "/var/lib/postgresql/15/main"]),
        ("reading ~{} failed", ["/models/a.step", "/old/b.step"]),
    ],
    "compound duration": [
        ("tessellation took {}", ["1h23m45s", "12m3s", "4.2s", "850ms", "1m 30s", "2 minutes"]),
        (
            "queue was blocked for {}",
            ["1 day, 2:03:04", "0:00:12.250000", "3 days, 0:00:01", "PT1H3M", "P1DT2H", "45 seconds"],
        ),
        ("retry in {}", ["2 hours and 5 minutes", "30 s", "15min"]),
        ("lifetime {}", ["<1 sec", "00:02", "01:12:07"]),
    ],
    "pod of a deployment": [
        ("pod {} was evicted", ["web-7d9c5b6f4-x2x9z", "web-5f6b9c8d7d-k8sqp", "web-6c5d4b7f9f-2lwmt"]),
        ("no heartbeat from {}", ["mesher-6b7f8c9d5-bxcdz", "mesher-84c9f7d6b4-zx2vq"]),
    ],
    "pod of a stateful set": [
        ("broker {} left the cluster", ["kafka-0", "kafka-12", "kafka-3"]),
        ("lost connection to redis-node-{}", ["0", "11"]),
        ("member postgres-{} lags", ["1", "2"]),
    ],
    "joined numbers": [
        ("could not run {}", ["job_123_456", "job_9_1", "job_77_20481"]),
        ("lost {} of the store", ["blk_-1608999687919862906", "blk_38865049064139660"]),
        ("unknown order {}", ["2024-001-77", "2023-118-2", "17_4"]),
        ("chunk {} is missing", ["30546173_4261722401", "30546174_187017", "3:17:4"]),
        ("worker ThreadPoolExecutor-{} died", ["0_0", "2_11"]),
        ("gone: {}", ["attempt_1445144423722_0020_m_000003_0", "attempt_1445182159119_0011_r_000000_1"]),
    ],
    "machine": [
        ("no answer from {} in time", ["an142", "an7001", "an33"]),
        ("mount failed on {}", ["bglio559", "bglio78"]),
        ("rebooting node-{}", ["17", "246", "3"]),
        ("{} reports a parity error", ["R02-M1-N0-C:J12-U11", "R16-M0-N4-I:J18-U01"]),
        ("watchdog of {} fired", ["worker3", "worker12", "worker7"]),
        ("scheduling on rack_{}", ["4", "19"]),
        ("resolved names {} only", ["an14 an15 an16", "an270 an271", "an5312 an5313 an5314 an5315"]),
    ],
    "number": [
        ("row {} is damaged", ["17", "1,204", "2,340,112", "-5", "4'096", "1.5e-7", "0"]),
        ("disk usage at {} of the limit", ["45%", "98.5%", "7 %"]),
        ("face {} has no surface", ["12", "9001"]),
        ("tolerance {} is too small", ["0.001mm", "12.5mm", "3mm"]),
        ("texture is {} pixels", ["1920x1080", "640x480"]),
        ("found ids {}", ["1, 2, 3", "5", "10, 20, 30, 40, 50"]),
    ],
    "hex": [
        ("segmentation fault at address {}", ["0x7ffd3a10", "0x0", "0xDEADBEEF12"]),
        ("mask={} rejected", ["ffffffff", "12345678", "40000500", "0x1f"]),
        ("cannot check out {} here", ["9f4ef63", "d76a91d", "0c1f2e3", "3172284"]),
        ("blob {} not found", ["da39a3ee5e6b4b0d3255bfef95601890afd80709", "356a192b7913b04c54574d18c28d46e6395428ab"]),
    ],
    "UUID": [
        (
            "design {} is gone",
            [
                "8c2f6d1e-0b0a-4a67-9f7e-3f1f9d8f2b10",
                "8c2f6d1e0b0a4a679f7e3f1f9d8f2b10",
                "0A8F0C1B-1B2C-4D3E-8F90-A1B2C3D4E5F6",
            ],
        ),
        ("failed: req-{}", ["38101a0b-2096-447d-96ea-a692162415ae", "9bc36dd9-91c5-4314-898a-47625eb93b09"]),
    ],
    "ULID": [
        (
            "upload {} expired",
            ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "01BX5ZZKBKACTAV9WEVGEMMVRZ", "01H8XGJWBWBAQ4Z1QY4K7N3M5P"],
        ),
    ],
    "MongoDB id": [
        ("document {} not found", ["507f1f77bcf86cd799439011", "64f0c8a2e4b0d5a1c2b3d4e5"]),
    ],
    "JSON web token": [
        (
            "cannot verify {}",
            [
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                "eyJ0eXAiOiJKV1QifQ.eyJpc3MiOiJqb2UifQ.c2lnbmF0dXJl-x",
            ],
        ),
    ],
    "base64": [
        ("bad checksum {}", ["q83vEjRWeJCrze8SNFZ4kA==", "3q2+7wABAgMEBQYHCAkKCw==", "AAECAwQFBgcICQoLDA0ODw=="]),
        ("nonce {} was used twice", ["TWFuIGlzIGRpc3Rpbmd1aXNoZWQ5", "bm90IG9ubHkgYnkgaGlz4LHJlYXNv"]),
    ],
    "session and token": [
        ("session {} timed out", ["ab12cd34ef56gh78", "x9k2mm41zz07pq55", "q1w2e3r4t5y6"]),
        ("sessionid={} is unknown", ["k3j5h2g4f6d8", "zzTop9", "18273645"]),
    ],
    "IPv4": [
        ("peer {} refused", ["10.1.2.3", "192.168.0.17", "10.1.2.3:6379", "127.0.0.1:80"]),
        ("route to {} is down", ["10.0.0.0/8", "172.16.0.0/12"]),
    ],
    "IPv6": [
        ("peer {} hung up", ["2001:db8::1", "fe80::1ff:fe23:4567:890a", "[2001:db8::1]:8080", "2001:db8:0:0:0:0:0:1"]),
        ("no route to {}", ["fe80::1%eth0", "2001:db8:1::17"]),
        ("reply from {} is late", ["[::1]:5432", "10.2.3.4:5432"]),
    ],
    "MAC": [
        ("device {} lost", ["00:1B:44:11:3A:B7", "a0-b1-c2-d3-e4-f5", "001b.4411.3ab7"]),
    ],
    "host": [
        ("cannot reach {} now", ["db1.prod.example.com", "cache.example.org:6379", "10.4.4.4", "x-7.eu.example.net"]),
        ("connection from {} closed", ["10.1.1.1 (host-1.isp.example.com)", "10.9.8.7 ()", "10.1.1.1"]),
        ("timeout of localhost:{}", ["8000", "6379"]),
        ("cannot resolve {}", ["db.internal:5432", "cache.lan", "10.0.0.5:5432"]),
        ("rhost={} is banned", ["10.2.3.4", "adsl-7.dyn.example.com", "gateway"]),
    ],
    "client's port": [
        ("accepted key of root from 10.1.2.3 port {}", ["38926", "22", "60001"]),
        ("HTTPSConnectionPool(host='a', port={}): read timed out", ["443", "8443"]),
    ],
    "email": [
        ("bounce of {} ignored", ["anna@example.com", "b.c+tag@mail.example.org", "x_y@sub.example.co.uk"]),
    ],
    "URL": [
        ("GET {} failed", ["https://api.example.com/v1/x?id=5", "http://10.1.2.3:8000/", "https://user@host/x#frag"]),
        ("cannot connect to {}", ["redis://cache:6379/0", "postgresql://db/main", "s3://bucket/key"]),
    ],
    "date": [
        (
            "certificate expired {}",
            [
                "2026-01-31",
                "2026-01-31T12:00:00Z",
                "2026-01-31 12:00:00,123",
                "2026-01-31T12:00:00.123456+02:00",
                "31.01.2026",
                "31/01/2026",
                "1/31/26",
                "2026/1/31 08:15",
                "Jan 31, 2026",
                "31 January 2026",
                "Jan 31 12:00:00 2026 GMT",
                "Sat, 31 Jan 2026 12:00:00 GMT",
                "31/Jan/2026:12:00:00 +0000",
                "20260131T120000Z",
                "2026-W05-6",
                "datetime.datetime(2026, 1, 31, 12, 0)",
                "January 31st, 2026",
                "31. Januar 2026",
                "31 janvier 2026",
                "2026年1月31日",
                "Saturday, January 31, 2026 at 12:00 PM",
                "31-JAN-2026".title(),
            ],
        ),
    ],
    "time": [
        ("backup runs at {}", ["03:00", "14:30:05", "2:15 PM"]),
    ],
    "size": [
        ("upload of {} refused", ["12 MB", "1.5 GiB", "900 bytes", "3kB", "1190 bytes (1.16 KB)", "0 B"]),
        ("rate is {} only", ["3.2 MB/s", "900 KB/s"]),
    ],
    "quoted value behind an equals sign": [
        ("cannot store name={}", ["'left wing'", '"bolt"', "'x'"]),
    ],
    "line and column": [
        ("syntax error at line {}", ["12, column 5", "7, column 31"]),
        ("EOF occurred (_ssl.c:{})", ["1006", "2427"]),
    ],
    "id of a ticket or order": [
        ("no such order: ORD-{}", ["10023", "99"]),
        ("invoice INV{} is paid", ["20240017", "20231201"]),
    ],
    "number near the word for a code": [
        ("wrong verification code {}", ["4821", "99120"]),
        ("no city has postal code {}", ["10115", "80331"]),
        ("query returned {} rows", ["404", "500"]),
        ("gave up after it failed {} times", ["404", "500"]),
        ("answered in {} ms", ["404", "500"]),
        ("error in row {}", ["5", "17"]),
        ("HTTP request {} was slow", ["404", "500"]),
        ("error {} of 10 in the file", ["3", "4"]),
        ("HTTP 503 after {} s", ["3", "40"]),
        ("exit code 137 of job {}", ["3", "40"]),
        ("listens on port 80 with {} threads", ["4", "16"]),
        ("signal strength {} dB", ["-70", "-45"]),
        ("design {} Not Found", ["405", "17"]),
    ],
    "file of a user": [
        ("file {} is missing", ["wheel.step", "bolt_12.STEP", "left-wing.v2.iges"]),
        ("cannot open '{}'", ["left wing.step", "lid.stl", "my parts/b 2.dxf"]),
        ("thumbnail {} is too large", ["a.png", "photo-12.jpeg"]),
    ],
    "detail of a database": [
        ("Key (name)={} already exists", ["(bolt)", "(left wing)", "(12)"]),
    ],
    "part of a body": [
        ("{} has no neighbour", ["face12", "face7", "face1"]),
        ("entity #{} is not closed", ["120", "7"]),
    ],
    "mixed id": [
        ("token {} is invalid", ["abcDEF123456ghiJKL", "zzzYYY987654xxxWWW"]),
        ("instance {} stopped", ["i-0abc123def456", "i-0fed654cba321"]),
        ("trace {} lost", ["1-67891233-abcdef012345678912345678", "1-5759e988-bd862e3fe1be46a994272793"]),
        ("host {} is away", ["an7", "an142", "an3"]),
        ("host ip-{} is away", ["10-0-12-34", "10-1-2-3"]),
        ("{} try", ["1st", "2nd", "3rd"]),
        ("session sess-{} ended", ["ab12cd34", "zz99yy88"]),
        ("colour {} of the body", ["#FF0000", "#00FF00", "#123456"]),
        ("release {} is out", ["v1.2.3", "v2.0.10", "v1.4.0-rc1"]),
    ],
    "colour of a terminal": [
        ("{}: kernel stopped", ["\x1b[31merror\x1b[0m", "error", "\x1b[1;31merror\x1b[0m"]),
    ],
}

APART: Rows = {
    "codes, standards and advisories": [
        (
            "found {} here",
            [
                "CVE-2024-1234",
                "CVE-2023-98765",
                "ORA-00942",
                "ORA-01017",
                "EN-10204",
                "EN-1090",
                "EN-ISO-9001",
                "ISO-8859-1",
                "ISO-8859-15",
                "ERR-AUTH-001",
                "ERR-AUTH-002",
                "AES-256-GCM",
                "AES-128-GCM",
                "SQLSTATE-40P01",
            ],
        ),
        ("cannot use {}", ["utf-8", "utf-16", "sha-256", "sha-512", "http-2", "http-3", "curve-25519", "base-64"]),
    ],
    "templates": [
        ("TemplateDoesNotExist: {}", ["orders/detail.html", "orders/list.html", "registration/login.html"]),
        ("jinja2.exceptions.TemplateNotFound: {}", ["mail/a.txt", "mail/b.txt"]),
    ],
    "HTTP status": [
        ("upload failed: HTTP {}", ["404", "500", "503"]),
        ("service answered with status {}", ["404", "502", "429"]),
        ("kernel replied status_code={}", ["400", "500"]),
        ("callback ended, status code: {}", ["401", "403"]),
        ("got status code {} from the tracker", ["413", "502"]),
        ("the store returned {}", ["404", "507"]),
        ("the store returned {} for the part", ["404", "507"]),
        ('"GET /api/designs/ HTTP/1.1" {} 512', ["200", "500"]),
        ("<Response [{}]>", ["404", "500"]),
        ("{} for url", ["404 Client Error: Not Found", "500 Server Error: Internal"]),
        ("{}", ["404 Not Found", "405 Method Not Allowed"]),
        ("webhook responded with {}", ["410", "504"]),
        ("statusCode: {}, giving up", ["409", "422"]),
        ('API said {{"code": {}}}', ["404", "409"]),
        ("unexpected response code {}", ["301", "302"]),
        ("upload failed ({})", ["404", "500"]),
        ("upload failed: {}", ["404", "500"]),
        ("{} error of the store", ["404", "500"]),
        ("[{}] store refused", ["404", "500"]),
        ("GET /api/designs/ -> {}", ["404", "500"]),
    ],
    "errno": [
        ("[Errno {}] while writing", ["28", "104", "13"]),
        ("write failed, errno={}", ["5", "28"]),
        ("errno: {} from the socket", ["32", "110"]),
        ("OSError({}, 'x')", ["28", "104"]),
        ("connect returned {}", ["-110", "-111"]),
        ("write failed: err={}", ["-110", "-104"]),
        ("cannot open it (os error {})", ["2", "13"]),
        ("curl: ({}) cannot connect", ["6", "28"]),
    ],
    "SQLSTATE": [
        ("query failed, sqlstate {}", ["23505", "40001", "42P01"]),
        ("SQLSTATE[{}]: rejected", ["23000", "42000", "HY000"]),
        ("SQLSTATE[HY000] [{}] rejected", ["1045", "2002"]),
        ("ERROR: {}: statement refused", ["23503", "57014"]),
    ],
    "number of a database": [
        ("{}: rejected by the database", ["ORA-00942", "ORA-01017", "PLS-00201"]),
        ("({}, 'refused')", ["1045", "2006", "2013"]),
        ("ERROR {} (28000): refused", ["1044", "1045"]),
        ("ERROR 1045 ({}): refused", ["28000", "42000"]),
        ("DB2 failed with SQLCODE={}", ["-204", "-803"]),
        ("code: {} of ClickHouse", ["60", "241"]),
        ("rejected with P{}", ["2002", "2025"]),
        ("Msg {}, Level 16", ["547", "2627"]),
        ("E{} duplicate key", ["11000", "50"]),
    ],
    "exit code": [
        ("kernel ended with exit code {}", ["1", "137", "139"]),
        ("command exited with code {}", ["2", "127"]),
        ("returned non-zero exit status {}", ["1", "255"]),
        ("container stopped, code {}", ["1", "137"]),
        ("process finished, returncode={}", ["-9", "-11"]),
        ("worker exited (exitcode: {})", ["1", "15"]),
        ("script ended: rc={}", ["3", "4"]),
        ("command returned {}", ["126", "127"]),
        ("exit code {} of the mesher", ["3221225477", "3221225725"]),
    ],
    "signal": [
        ("child died of signal {}", ["9", "11", "15"]),
        ("child got {}", ["SIGKILL", "SIGSEGV", "SIGTERM"]),
        ("died with <Signals.{}>", ["SIGKILL: 9", "SIGSEGV: 11"]),
    ],
    "port of a service": [
        ("the proxy listens on port {}", ["5432", "8000"]),
        ("listening on port {}", ["80", "443"]),
        ("port {} is already in use", ["8000", "5555"]),
        ("could not bind to port {}", ["25", "587"]),
        ("listening on 0.0.0.0 port {}", ["22", "80"]),
        ("address already in use: port {}", ["80", "443"]),
    ],
    "mail and file transfer": [
        ("refused: {} no such mailbox", ["550 5.1.1", "550 5.7.1", "552 5.2.2"]),
        ("SMTP error {}", ["421", "554"]),
        ("smtp code {}", ["450", "550"]),
        ("FTP {} from the peer", ["425", "530"]),
        ("error: {}", ["530 Login incorrect", "550 File unavailable"]),
        ("SMTPDataError: ({}, b'no')", ["552", "554"]),
    ],
    "closed connection": [
        ("websocket closed: {}", ["1006", "1011"]),
        ("close code {} of the socket", ["1001", "1009"]),
    ],
    "standard": [
        ("violates RFC {}", ["2616", "7231"]),
        ("JSON-RPC {} from the peer", ["-32600", "-32601"]),
        ("patched for {}", ["CVE-2021-44228", "CVE-2022-22965"]),
        ("file is IGES {}", ["5.1", "5.3"]),
    ],
    "gRPC": [
        ("rpc failed: code = {}", ["4", "14"]),
        ("grpc status {}", ["8", "13"]),
        ("StatusCode.{} from the kernel", ["UNAVAILABLE", "DEADLINE_EXCEEDED"]),
    ],
    "TLS": [
        ("handshake failed, SSL alert number {}", ["40", "48"]),
        ("peer speaks {} only", ["TLSv1.1", "TLSv1.2", "TLS 1.0"]),
    ],
    "Windows error": [
        ("[WinError {}] refused", ["5", "10054"]),
        ("HRESULT: {}", ["0x80070005", "0x80004005"]),
        ("crashed with {}", ["0xC0000005", "0xC0000374"]),
        ("error code {} of the installer", ["1603", "1618"]),
        ("GetLastError={}", ["5", "32"]),
        ("COM error {}", ["-2147467259", "-2147024891"]),
        ("NTSTATUS {}", ["0xc0000022", "0xc0000034"]),
    ],
    "version of a protocol": [
        ("client speaks HTTP/{}", ["1.0", "1.1", "2"]),
        ("needs SMB {}", ["1.0", "3.1.1"]),
        ("OAuth {} is not supported", ["1.0", "2.0"]),
    ],
    "name with a digit": [
        ("charset {} expected", ["utf-8", "utf-16", "iso-8859-1", "iso-8859-15", "cp1252"]),
        ("needs {} here", ["python2", "python3", "s3", "x86_64", "arm64"]),
        ("hash {} is not allowed", ["md5", "sha1", "sha256", "sha-512", "crc32"]),
        ("only {} works", ["ipv4", "ipv6", "http2", "http3", "oauth2"]),
        ("schema {} is unknown", ["AP203", "AP214", "AP242"]),
        ("column type {}", ["int8", "int64", "float32"]),
        ("invalid {} geometry", ["2d", "3d"]),
        ("{} is not installed", ["psycopg2", "h5py", "log4j", "boto3"]),
        ("event {}", ["s3_upload_failed", "md5_check_failed"]),
        ("no shared cipher {}", ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "AES-128-CBC-SHA"]),
        ("cipher aes-{} refused", ["128-cbc", "256-gcm"]),
    ],
    "word for true, false or nothing": [
        ("the answer was {}", ["true", "false", "null"]),
        ("expected a list, got {}", ["None", "True"]),
        ("feature is {}", ["on", "off"]),
        ("reply: {}", ["yes", "no"]),
        ("enabled={}", ["true", "false"]),
        ("visible={} after the change", ["True", "False", "None"]),
    ],
    "kind of thing": [
        ("cannot delete {}", ["user_12", "design_12", "part_12"]),
        ("lost {}", ["kafka-0", "zookeeper-0"]),
        ("pod {} crashed", ["web-7d9c5b6f4-x2x9z", "mesher-7d9c5b6f4-x2x9z"]),
        ("no answer from {}", ["an142", "db142"]),
    ],
    "text that names things": [
        ('relation "{}" does not exist', ["django_q_ormq", "auth_user"]),
        ("object has no attribute '{}'", ["owner", "name"]),
        ("missing key '{}'", ["mass", "volume"]),
        ("import of designs.models.{} failed", ["parts", "users"]),
        ("rejected, reason='{}'", ["quota", "virus"]),
        ("detail: ErrorDetail(string='x', code='{}')", ["unique", "required"]),
        ("and/or {}", ["read/write", "TCP/IP", "N/A"]),
        ("content type {} refused", ["text/html", "application/json", "image/svg+xml"]),
        ("state went from {}", ["NEW to RUNNING", "RUNNING to FAILED"]),
    ],
    "unit": [
        ("expects {}", ["mm", "inch"]),
        ("the limit of {} was passed", ["12 requests", "12 users"]),
    ],
}
