"""What becomes of pushes when processes are killed and providers fall silent: none that was answered 2xx may be lost.

load       sends pushes at a fixed rate and notes each answer
provider   a simulated Apple or Google that notes each push it receives
ledger     compares the notes with each other and with what the outbox holds
site       gateways, providers and store, each a process that can be killed
scenarios  what happens to a site while the load goes on

The tests run them in short; `python -m tests.bench.crash` and `python -m tests.bench.outage` in full, with numbers.
"""
