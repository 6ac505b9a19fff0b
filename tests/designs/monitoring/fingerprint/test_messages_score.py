"""How well cleaned messages group lines of many kinds of logs: pairs are compared, wrong merges weigh most.

The lines are invented after the manner of file systems, schedulers, system logs, proxies and Python's own errors.
Each row is one group; groups that look alike on purpose stand next to each other.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from designs.monitoring.fingerprint.messages import normalize_message

GROUPS: list[list[str]] = [
    ["Receiving block blk_-1608999687919862906 src: /10.250.19.102:54106 dest: /10.250.19.102:50010",
     "Receiving block blk_38865049064139660 src: /10.251.7.2:5 dest: /10.251.7.2:50010"],
    ["Received block blk_-1608999687919862906 of size 67108864 from /10.250.10.6",
     "Received block blk_3886504906413966 of size 91178 from /10.251.75.228"],
    ["PacketResponder 1 for block blk_3886504906413966 terminating",
     "PacketResponder 0 for block blk_-295 terminating"],
    ["[instance: 2c5b9a01-1f5e-4c0c-8a59-0e7c4a1f33aa] Took 19.84 seconds to build instance.",
     "[instance: 9c5b9a01-1f5e-4c0c-8a59-0e7c4a1f33ab] Took 2 seconds to build instance."],
    ["[instance: 2c5b9a01-1f5e-4c0c-8a59-0e7c4a1f33aa] Took 19.84 seconds to spawn the instance.",
     "[instance: 9c5b9a01-1f5e-4c0c-8a59-0e7c4a1f33ab] Took 2 seconds to spawn the instance."],
    ['10.11.10.1 "GET /v2/54fadb412c4e40cdbaed9335e4c35a9e/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.24',
     '10.11.21.3 "GET /v2/e9746973ac574c6b8a9e8857f56a7608/servers/detail HTTP/1.1" status: 200 len: 93 time: 1.5'],
    ["sshd[24200]: Failed password for root from 173.234.31.186 port 38926 ssh2",
     "sshd[7]: Failed password for root from 5.36.59.76 port 22 ssh2"],
    ["sshd[24200]: Accepted password for root from 173.234.31.186 port 38926 ssh2",
     "sshd[7]: Accepted password for root from 5.36.59.76 port 22 ssh2"],
    ["Jun 14 15:16:01 authentication failure; logname= uid=0 tty=NODEVssh rhost=218.188.2.4",
     "Jul  3 02:00:09 authentication failure; logname= uid=1000 tty=NODEVssh rhost=adsl-7.dyn.example.com.tw"],
    ["session opened for user cyrus by (uid=0)", "session opened for user cyrus by (uid=501)"],
    ["session closed for user cyrus", "session closed for user cyrus"],
    ["[Sun Dec 04 04:47:44 2005] workerEnv.init() ok /etc/httpd/conf/workers2.properties",
     "[Mon Dec 05 14:07:04 2005] workerEnv.init() ok /srv/httpd/conf/workers2.properties"],
    ["mod_jk child workerEnv in error state 6", "mod_jk child workerEnv in error state 10"],
    ["jk2_init() Found child 6725 in scoreboard slot 10", "jk2_init() Found child 25 in scoreboard slot 9"],
    ["Received connection request /10.10.34.11:45307", "Received connection request /10.10.34.12:1"],
    ["Closed socket connection for client /10.10.34.1:6 which had sessionid 0x14ed93111f20027",
     "Closed socket connection for client /10.10.3.19:61 which had sessionid 0x24f05578bd80000"],
    ["Running task 0.0 in stage 0.0 (TID 0)", "Running task 17.0 in stage 25.1 (TID 1442)"],
    ["Finished task 0.0 in stage 0.0 (TID 0). 2703 bytes result sent to driver",
     "Finished task 3.0 in stage 9.0 (TID 51). 12 bytes result sent to driver"],
    ["Found block rdd_2_3 locally", "Found block rdd_42_26 locally"],
    ["Block broadcast_12_piece0 stored as bytes in memory (estimated size 17.1 KB, free 384.2 MB)",
     "Block broadcast_9_piece0 stored as bytes in memory (estimated size 304.0 B, free 1 GB)"],
    ["R02-M1-N0-C:J12-U11 instruction cache parity error corrected",
     "R16-M0-N4-I:J18-U01 instruction cache parity error corrected"],
    ["generating core.2275", "generating core.862"],
    ["node-246 boot command 1903 failed", "node-17 boot command 5 failed"],
    ["node-246 halt command 1903 failed", "node-17 halt command 5 failed"],
    ["proxy.cse.example.edu.hk:5070 close, 1190 bytes sent, 1671 bytes (1.63 KB) received, lifetime 00:02",
     "socks.example.com:443 close, 0 bytes sent, 7 bytes (7 B) received, lifetime 01:12:07"],
    ["attempt_1445144423722_0020_m_000003_0 TaskAttempt Transitioned from NEW to RUNNING",
     "attempt_1445182159119_0011_r_000000_1 TaskAttempt Transitioned from NEW to RUNNING"],
    ["attempt_1445144423722_0020_m_000003_0 TaskAttempt Transitioned from RUNNING to FAILED",
     "attempt_1445182159119_0011_r_000000_1 TaskAttempt Transitioned from RUNNING to FAILED"],
    ["acquire lock=233570404, flags=0x1, tag=\"View Lock\", name=com.example.ui, ws=null, uid=10037",
     "acquire lock=3, flags=0x2a, tag=\"Job\", name=com.example.ui, ws=null, uid=1000"],
    ["release lock=233570404, flags=0x1, tag=\"View Lock\", name=com.example.ui, ws=null, uid=10037",
     "release lock=3, flags=0x2a, tag=\"Job\", name=com.example.ui, ws=null, uid=1000"],
    ["setSystemUiVisibility vis=40000500 mask=ffffffff old=508", "setSystemUiVisibility vis=0 mask=12345678 old=1"],
    ["invalid literal for int() with base 10: 'x'"],
    ["invalid literal for int() with base 10: 'y'"],
    ["'NoneType' object has no attribute 'owner'"],
    ["'NoneType' object has no attribute 'name'"],
    ["list index out of range"],
    ["string index out of range"],
    ["[Errno 2] No such file or directory: '/srv/a/7.step'", "[Errno 2] No such file or directory: '/srv/b/c.iges'"],
    ["'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
     "'utf-8' codec can't decode byte 0x9c in position 4711: invalid start byte"],
    ["'ascii' codec can't decode byte 0xff in position 0: ordinal not in range(128)",
     "'ascii' codec can't decode byte 0x9c in position 4711: ordinal not in range(128)"],
    ["could not convert string to float: 'abc'"],
    ["unsupported operand type(s) for +: 'int' and 'str'"],
    ["unsupported operand type(s) for -: 'int' and 'str'"],
    ["Design 8c2f6d1e-0b0a-4a67-9f7e-3f1f9d8f2b10 is not ready",
     "Design 1c2f6d1e-0b0a-4a67-9f7e-3f1f9d8f2b1f is not ready"],
    ["HTTPSConnectionPool(host='a.example.com', port=443): Read timed out. (read timeout=5)",
     "HTTPSConnectionPool(host='b.example.com', port=8443): Read timed out. (read timeout=30)"],
    ["needs python3 on s3"],
    ["needs python2 on s3"],
    ["charset utf-8 expected"],
    ["charset utf-16 expected"],
    ["Mozilla/5.0 client rejected", "Mozilla/4.08 client rejected"],
    ["wrote /var/a/b.log in 15ms", "wrote /tmp/x in 2.5 s"],
    ["import of designs.models.parts failed"],
    ["import of designs.models.users failed"],
    ["user bob@example.com locked out since 2026-01-31T12:00:00Z",
     "user a.b+c@mail.example.org locked out since 2025-12-01 08:15"],
    ["Caught signal SIGTERM in worker-12 (pid 771)", "Caught signal SIGTERM in worker-31 (pid 9)"],
    ["Caught signal SIGKILL in worker-12 (pid 771)", "Caught signal SIGKILL in worker-31 (pid 9)"],
]  # fmt: skip


def pairs_of(labels: list[object]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


def test_cleaned_messages_group_lines_as_people_do() -> None:
    lines = [(line, number) for number, group in enumerate(GROUPS) for line in group]
    cleaned = [normalize_message(line) for line, _ in lines]
    truth = [number for _, number in lines]
    both = pairs_of(list(zip(cleaned, truth, strict=True)))
    precision, recall = both / pairs_of([*cleaned]), both / pairs_of([*truth])
    f1 = 2 * precision * recall / (precision + recall)

    wrong = [
        (lines[i][0], lines[j][0])
        for i, j in combinations(range(len(lines)), 2)
        if cleaned[i] == cleaned[j] and truth[i] != truth[j]
    ]
    missed = [[*map(normalize_message, group)] for group in GROUPS if len({*map(normalize_message, group)}) > 1]
    assert wrong == []
    assert precision >= 0.99, wrong
    assert f1 > 0.91, (f1, missed)
