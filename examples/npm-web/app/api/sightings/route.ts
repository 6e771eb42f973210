import { type NextRequest, NextResponse } from "next/server";
import { sightings } from "@/lib/logbook";
import { Species } from "@/lib/sighting";

export function GET(request: NextRequest): NextResponse {
  const species = Species.optional().safeParse(request.nextUrl.searchParams.get("species") ?? undefined);
  if (!species.success) return NextResponse.json({ message: "No such species" }, { status: 400 });
  return NextResponse.json(sightings(species.data));
}
