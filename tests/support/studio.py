"""The studio as a program of its own, started for tests on a free port and steered through its control endpoint."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import httpx

READY_S = 30.0
STOP_S = 10.0
ROOT = Path(__file__).resolve().parents[2]
FAL_KEY = "studio-key-id:studio-key-secret"
ELEVENLABS_KEY = "studio-elevenlabs-key"
SYNC_KEY = "studio-sync-key"
KLING_ACCESS_KEY = "studio-kling-access-key"
KLING_SECRET_KEY = "studio-kling-secret-key-0123456789abcdef"
VOICE = "DevenVoiceClone00001"


class Studio:
    """A running studio. `stop` ends it politely, `kill` at once; `restart` starts it again on its data and port."""

    def __init__(self, data_dir: Path, picture: str, options: dict[str, str]) -> None:
        self._data_dir = data_dir
        self._picture = picture
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self._http = httpx.Client(timeout=30.0, trust_env=False)

    @classmethod
    def start(cls, data_dir: Path, picture: str = "256x144", **options: object) -> Self:
        """Starts a studio with its state in `data_dir`; `latency=0.2` becomes `--latency 0.2`. Raises TimeoutError."""
        studio = cls(data_dir, picture, {name: str(value) for name, value in options.items()})
        studio._launch()
        return studio

    def _launch(self) -> None:
        command = [sys.executable, "-m", "studio", "--port", str(self._port), "--data", str(self._data_dir)]
        command += ["--picture", self._picture]
        for name, value in self._options.items():
            command += [f"--{name.replace('_', '-')}", value]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("STUDIO_")}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self._first_line(self._process))["studio"]
        self._port = int(self.url.rpartition(":")[2])

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        lines: queue.Queue[str] = queue.Queue()
        output = process.stdout
        assert output is not None
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=READY_S)
        except queue.Empty:
            line = ""
        if not line:
            self.kill()
            raise TimeoutError("the studio did not start")
        return line

    def stop(self) -> None:
        """Sends SIGTERM and waits for the end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL, as a crash would be."""
        self._end(signal.SIGKILL)

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(sign)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        if process.stdout is not None:
            process.stdout.close()

    def restart(self) -> None:
        """Starts again with the same data, port and options, ending it first if it runs."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the studio and the control client."""
        self.stop()
        self._http.close()

    def environment(self) -> dict[str, str]:
        """The settings that point Devatar at this studio."""
        return {
            "FAL_QUEUE_URL": f"{self.url}/fal-queue",
            "FAL_RUN_URL": f"{self.url}/fal-run",
            "FAL_KEY": FAL_KEY,
            "ELEVENLABS_BASE_URL": f"{self.url}/elevenlabs",
            "ELEVENLABS_API_KEY": ELEVENLABS_KEY,
            "ELEVENLABS_VOICE_ID": VOICE,
            "SYNC_BASE_URL": f"{self.url}/sync",
            "SYNC_API_KEY": SYNC_KEY,
        }

    def kling_environment(self) -> dict[str, str]:
        """The settings that choose Kling's own API, at this studio."""
        return {
            "KLING_BASE_URL": f"{self.url}/kling",
            "KLING_ACCESS_KEY": KLING_ACCESS_KEY,
            "KLING_SECRET_KEY": KLING_SECRET_KEY,
        }

    def lora_url(self, name: str = "deven") -> str:
        """The address of a LoRA fixture."""
        return f"{self.url}/files/loras/{name}.safetensors"

    def picture_url(self, name: str = "headshot.png") -> str:
        """The address of a picture fixture."""
        return f"{self.url}/files/pictures/{name}"

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, self.url + path, **more)
        answer.raise_for_status()
        return answer.json()

    def bill(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The lines of the bill, oldest first."""
        return self._call("GET", "/bill", params={"provider": provider} if provider else None)["lines"]

    def total_usd_micros(self) -> int:
        """The total of the bill in micro-dollars."""
        return self._call("GET", "/bill")["total_usd_micros"]

    def requests(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The requests received, oldest first."""
        params = {"provider": provider} if provider else None
        return self._call("GET", "/control/requests", params=params)["requests"]

    def jobs(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The jobs accepted, oldest first."""
        return self._call("GET", "/control/jobs", params={"provider": provider} if provider else None)["jobs"]

    def fault(self, provider: str, fault: str, *, operation: str = "submit", **more: Any) -> None:
        """Plans a fault; `times`, `skip`, `model` and `parameters` as in the control endpoint."""
        self._call(
            "POST", "/control/faults", json={"provider": provider, "fault": fault, "operation": operation, **more}
        )

    def clear_faults(self) -> None:
        """Plans nothing any more."""
        self._call("DELETE", "/control/faults")

    def latency(self, provider: str | None = None, *, queue_s: float = 0.0, processing_s: float = 0.0) -> None:
        """Sets how long jobs wait and how much longer they work."""
        body = {"provider": provider, "queue_s": queue_s, "processing_s": processing_s}
        self._call("PUT", "/control/latency", json=body)

    def account(self, provider: str, state: str = "ok", **more: Any) -> None:
        """Sets an account's state: ok, account_locked, quota_exceeded or arrears."""
        self._call("POST", "/control/account", json={"provider": provider, "state": state, **more})

    def lora_version(self, version: int, name: str = "deven") -> None:
        """Switches the content behind a LoRA's address."""
        self._call("POST", "/control/lora", json={"name": name, "version": version})

    def reset(self) -> None:
        """Forgets jobs, bill, requests, faults and settings."""
        self._call("POST", "/control/reset")
