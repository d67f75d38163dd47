"""A charge point made of the Python package `ocpp` 2.x, for tests and for trying a cell without a charger.

    python chargePoint.py URL ID PASSWORD [--protocol ocpp1.6|ocpp2.0.1] [--ca FILE]

`--ca`: the certificate that a `wss:` central system is checked against. Commands on standard input: `plug`, `unplug`,
`quit`. What it is told and does stands on standard output, a JSON object a line.
"""
import argparse
import asyncio
import base64
import json
import ssl
import sys
import uuid
from datetime import datetime, timezone

import websockets
from ocpp import v16, v201
from ocpp.routing import on

VOLTS, PHASES, METER_SECONDS, OWN_ID = 230, 3, 2, 1


def now():
    return datetime.now(timezone.utc).isoformat()


def tell(**what):
    print(json.dumps(what, default=float), flush=True)


class Plug:
    """A charger's one plug and the car at it: what both versions of the protocol have in common."""

    plugged, transaction, meter_wh, car_amps = False, None, 100_000.0, 16
    default_profile, own_profile = None, None

    def take_profile(self, purpose, valid_to, schedule):
        if purpose == "TxProfile":
            self.own_profile = (valid_to, schedule)
        else:
            self.default_profile = (valid_to, schedule)
        tell(profile=purpose, amps=self.amps())

    def amps(self):
        """What the profiles allow now: the transaction's own while it holds, else the default one."""
        for profile in (self.own_profile, self.default_profile):
            limit = profile and limit_of(*profile)
            if limit is not None:
                return limit
        return self.car_amps

    def watts(self):
        return min(self.amps(), self.car_amps) * VOLTS * PHASES if self.transaction else 0

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


class Charger16(Plug, v16.ChargePoint):
    async def boot(self):
        return await self.call(v16.call.BootNotification(charge_point_model="Py", charge_point_vendor="ocpp"))

    @on("SetChargingProfile")
    def set_profile(self, connector_id, cs_charging_profiles):
        profile = cs_charging_profiles
        self.take_profile(profile["charging_profile_purpose"], profile.get("valid_to"), profile["charging_schedule"])
        return v16.call_result.SetChargingProfile(status="Accepted")

    @on("RemoteStartTransaction")
    def remote_start(self, id_tag, connector_id=1, **_):
        tell(asked="start")
        asyncio.ensure_future(self.begin(id_tag))
        return v16.call_result.RemoteStartTransaction(status="Accepted" if self.plugged else "Rejected")

    @on("RemoteStopTransaction")
    def remote_stop(self, transaction_id):
        asyncio.ensure_future(self.stop())
        return v16.call_result.RemoteStopTransaction(status="Accepted")

    @on("ChangeConfiguration")
    def change(self, key, value):
        return v16.call_result.ChangeConfiguration(status="Accepted")

    @on("TriggerMessage")
    def trigger(self, requested_message, **_):
        send = self.status if requested_message == "StatusNotification" else self.meter
        asyncio.ensure_future(send())
        return v16.call_result.TriggerMessage(status="Accepted")

    async def status(self):
        amps = self.amps() if self.transaction else 0
        name = "Available" if not self.plugged else "Preparing" if not self.transaction else "Charging" if amps else "SuspendedEVSE"
        await self.call(
            v16.call.StatusNotification(connector_id=1, error_code="NoError", status=name, timestamp=now())
        )
        tell(status=name)

    async def meter(self):
        values = [
            {"value": f"{self.meter_wh:.1f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
            {"value": f"{self.watts():.0f}", "measurand": "Power.Active.Import", "unit": "W"},
        ]
        sampled = [{"timestamp": now(), "sampled_value": values}]
        extra = {"transaction_id": self.transaction} if self.transaction else {}
        await self.call(v16.call.MeterValues(connector_id=1, meter_value=sampled, **extra))

    async def begin(self, id_tag):
        if self.transaction or not self.plugged:
            return
        answer = await self.call(
            v16.call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=round(self.meter_wh), timestamp=now())
        )
        self.transaction = answer.transaction_id
        tell(started=self.transaction)
        await self.status()

    async def stop(self):
        if not self.transaction:
            return
        transaction, self.transaction, self.own_profile = self.transaction, None, None
        await self.call(
            v16.call.StopTransaction(transaction_id=transaction, meter_stop=round(self.meter_wh), timestamp=now())
        )
        tell(stopped=transaction, meter_wh=round(self.meter_wh))


class Charger201(Plug, v201.ChargePoint):
    sequence = 0

    async def boot(self):
        station = {"model": "Py", "vendor_name": "ocpp"}
        return await self.call(v201.call.BootNotification(charging_station=station, reason="PowerUp"))

    @on("SetChargingProfile")
    def set_profile(self, evse_id, charging_profile):
        profile = charging_profile
        [schedule] = profile["charging_schedule"]
        self.take_profile(profile["charging_profile_purpose"], profile.get("valid_to"), schedule)
        return v201.call_result.SetChargingProfile(status="Accepted")

    @on("RequestStartTransaction")
    def remote_start(self, id_token, remote_start_id, **_):
        tell(asked="start")
        asyncio.ensure_future(self.begin(id_token, remote_start_id))
        return v201.call_result.RequestStartTransaction(status="Accepted" if self.plugged else "Rejected")

    @on("RequestStopTransaction")
    def remote_stop(self, transaction_id):
        asyncio.ensure_future(self.stop())
        return v201.call_result.RequestStopTransaction(status="Accepted")

    @on("SetVariables")
    def set_variables(self, set_variable_data):
        results = [
            {"attribute_status": "Accepted", "component": each["component"], "variable": each["variable"]}
            for each in set_variable_data
        ]
        return v201.call_result.SetVariables(set_variable_result=results)

    @on("TriggerMessage")
    def trigger(self, requested_message, **_):
        if requested_message == "TransactionEvent" and not self.transaction:
            return v201.call_result.TriggerMessage(status="Rejected")
        send = self.status if requested_message == "StatusNotification" else self.meter
        asyncio.ensure_future(send())
        return v201.call_result.TriggerMessage(status="Accepted")

    async def status(self):
        name = "Occupied" if self.plugged else "Available"
        await self.call(
            v201.call.StatusNotification(timestamp=now(), connector_status=name, evse_id=OWN_ID, connector_id=1)
        )
        tell(status=name)
        if self.transaction:
            await self.event("Updated", "ChargingStateChanged")

    def sampled(self):
        """The register in kWh by a multiplier, the power phase by phase, as some stations say them."""
        register = {"value": self.meter_wh / 1000, "unit_of_measure": {"unit": "kWh", "multiplier": 0}}
        power = [
            {"value": self.watts() / PHASES / 1000, "measurand": "Power.Active.Import", "phase": f"L{phase}",
             "unit_of_measure": {"unit": "W", "multiplier": 3}}
            for phase in (1, 2, 3)
        ]
        return [{"timestamp": now(), "sampled_value": [{**register, "measurand": "Energy.Active.Import.Register"}, *power]}]

    async def meter(self):
        if self.transaction:
            return await self.event("Updated", "MeterValuePeriodic")
        await self.call(v201.call.MeterValues(evse_id=OWN_ID, meter_value=self.sampled()))

    async def event(self, kind, reason, **more):
        self.sequence += 1
        state = "Charging" if self.watts() > 0 else "SuspendedEVSE"
        info = {"transaction_id": self.transaction, **({} if kind == "Ended" else {"charging_state": state}), **more.pop("info", {})}
        await self.call(
            v201.call.TransactionEvent(
                event_type=kind, timestamp=now(), trigger_reason=reason, seq_no=self.sequence,
                transaction_info=info, evse={"id": OWN_ID, "connector_id": 1}, meter_value=self.sampled(), **more,
            )
        )

    async def begin(self, id_token, remote_start_id):
        if self.transaction or not self.plugged:
            return
        self.transaction, self.sequence = str(uuid.uuid4()), 0
        await self.event("Started", "RemoteStart", info={"remote_start_id": remote_start_id}, id_token=id_token)
        tell(started=self.transaction)

    async def stop(self):
        if not self.transaction:
            return
        await self.event("Ended", "EVDeparted", info={"stopped_reason": "EVDisconnected"})
        tell(stopped=self.transaction, meter_wh=round(self.meter_wh))
        self.transaction, self.own_profile = None, None


def limit_of(valid_to, schedule):
    """Amperes that a schedule allows now; None when it does not hold now."""
    seconds = datetime.now(timezone.utc).timestamp()
    if valid_to and seconds > seconds_of(valid_to):
        return None
    begin = schedule.get("start_schedule")
    into = seconds - seconds_of(begin) if begin else 0
    if "duration" in schedule and into > schedule["duration"]:
        return None
    held = [period for period in schedule["charging_schedule_period"] if period["start_period"] <= into + 1]
    return float(held[-1]["limit"]) if held else None


def seconds_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


CHARGERS = {"ocpp1.6": Charger16, "ocpp2.0.1": Charger201}


async def main(url, identity, password, protocol, ca):
    token = base64.b64encode(f"{identity}:{password}".encode()).decode()
    options = {"additional_headers": {"Authorization": f"Basic {token}"}, "subprotocols": [protocol]}
    if ca:
        options["ssl"] = ssl.create_default_context(cafile=ca)
    async with websockets.connect(f"{url}/{identity}", **options) as socket:
        charger = CHARGERS[protocol](identity, socket)
        serving = asyncio.ensure_future(charger.start())
        answer = await charger.boot()
        tell(boot=answer.status)
        await charger.status()
        living = asyncio.ensure_future(charger.live())
        await charger.obey()
        living.cancel()
        serving.cancel()


arguments = argparse.ArgumentParser()
for name in ("url", "identity", "password"):
    arguments.add_argument(name)
arguments.add_argument("--protocol", choices=CHARGERS, default="ocpp1.6")
arguments.add_argument("--ca")
asyncio.run(main(**vars(arguments.parse_args())))
