"""A charge point of its own making: the Python package `ocpp` (1.6-J), for tests and for trying a cell without a charger.

    python chargePoint.py URL ID PASSWORD

Commands on standard input: `plug`, `unplug`, `quit`. What it is told and does stands on standard output, a JSON object a line.
"""
import asyncio
import base64
import json
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

VOLTS, PHASES, METER_SECONDS = 230, 3, 2


def now():
    return datetime.now(timezone.utc).isoformat()


def tell(**what):
    print(json.dumps(what, default=float), flush=True)


class Charger(ChargePoint):
    plugged, transaction, meter_wh, car_amps = False, None, 100_000.0, 16
    default_profile, own_profile = None, None

    @on("SetChargingProfile")
    def set_profile(self, connector_id, cs_charging_profiles):
        purpose = cs_charging_profiles["charging_profile_purpose"]
        if purpose == "TxProfile":
            self.own_profile = cs_charging_profiles
        else:
            self.default_profile = cs_charging_profiles
        tell(profile=purpose, amps=self.amps())
        return call_result.SetChargingProfile(status="Accepted")

    @on("RemoteStartTransaction")
    def remote_start(self, id_tag, connector_id=1, **_):
        tell(asked="start")
        asyncio.ensure_future(self.start(id_tag))
        return call_result.RemoteStartTransaction(status="Accepted" if self.plugged else "Rejected")

    @on("RemoteStopTransaction")
    def remote_stop(self, transaction_id):
        asyncio.ensure_future(self.stop())
        return call_result.RemoteStopTransaction(status="Accepted")

    @on("ChangeConfiguration")
    def change(self, key, value):
        return call_result.ChangeConfiguration(status="Accepted")

    @on("TriggerMessage")
    def trigger(self, requested_message, **_):
        send = self.status if requested_message == "StatusNotification" else self.meter
        asyncio.ensure_future(send())
        return call_result.TriggerMessage(status="Accepted")

    def amps(self):
        """What the profiles allow now: the transaction's own while it holds, else the default one."""
        for profile in (self.own_profile, self.default_profile):
            limit = profile and limit_of(profile)
            if limit is not None:
                return limit
        return self.car_amps

    async def status(self):
        amps = self.amps() if self.transaction else 0
        name = "Available" if not self.plugged else "Preparing" if not self.transaction else "Charging" if amps else "SuspendedEVSE"
        await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status=name, timestamp=now()))
        tell(status=name)

    async def meter(self):
        watts = self.watts()
        values = [
            {"value": f"{self.meter_wh:.1f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": f"{watts:.0f}", "measurand": "Power.Active.Import", "unit": "W"},
        ]
        sampled = [{"timestamp": now(), "sampled_value": values}]
        extra = {"transaction_id": self.transaction} if self.transaction else {}
        await self.call(call.MeterValues(connector_id=1, meter_value=sampled, **extra))

    def watts(self):
        return min(self.amps(), self.car_amps) * VOLTS * PHASES if self.transaction else 0

    async def start(self, id_tag):
        if self.transaction or not self.plugged:
            return
        answer = await self.call(
            call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=round(self.meter_wh), timestamp=now())
        )
        self.transaction = answer.transaction_id
        tell(started=self.transaction)
        await self.status()

    async def stop(self):
        if not self.transaction:
            return
        transaction, self.transaction, self.own_profile = self.transaction, None, None
        await self.call(
            call.StopTransaction(transaction_id=transaction, meter_stop=round(self.meter_wh), timestamp=now())
        )
        tell(stopped=transaction, meter_wh=round(self.meter_wh))

    async def live(self):
        charging = None
        while True:
            await asyncio.sleep(METER_SECONDS)
            self.meter_wh += self.watts() * METER_SECONDS / 3600
            if self.transaction:
                await self.meter()
                if charging != (self.watts() > 0):
                    charging = self.watts() > 0
                    await self.status()

    async def obey(self):
        reader = asyncio.StreamReader()
        await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while command := (await reader.readline()).decode().strip():
            if command == "plug":
                self.plugged = True
                await self.status()
            elif command == "unplug":
                await self.stop()
                self.plugged = False
                await self.status()
            elif command == "quit":
                return


def limit_of(profile):
    """Amperes that a profile allows now; None when it does not hold now."""
    seconds = datetime.now(timezone.utc).timestamp()
    schedule = profile["charging_schedule"]
    until = profile.get("valid_to")
    if until and seconds > datetime.fromisoformat(until.replace("Z", "+00:00")).timestamp():
        return None
    begin = schedule.get("start_schedule")
    into = seconds - datetime.fromisoformat(begin.replace("Z", "+00:00")).timestamp() if begin else 0
    if "duration" in schedule and into > schedule["duration"]:
        return None
    held = [period for period in schedule["charging_schedule_period"] if period["start_period"] <= into + 1]
    return float(held[-1]["limit"]) if held else None


async def main(url, identity, password):
    token = base64.b64encode(f"{identity}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    async with websockets.connect(f"{url}/{identity}", subprotocols=["ocpp1.6"], additional_headers=headers) as socket:
        charger = Charger(identity, socket)
        serving = asyncio.ensure_future(charger.start_serving())
        answer = await charger.call(call.BootNotification(charge_point_model="Py", charge_point_vendor="ocpp"))
        tell(boot=answer.status)
        await charger.status()
        living = asyncio.ensure_future(charger.live())
        await charger.obey()
        living.cancel()
        serving.cancel()


# `start` is the package's own name for serving; ours starts a transaction.
Charger.start_serving = ChargePoint.start
asyncio.run(main(*sys.argv[1:4]))
