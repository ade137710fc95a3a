import { unstable_cache } from "next/cache";

export const dynamic = "force-dynamic";

// Kept in .next/cache, which has to be writable.
const since = unstable_cache(async () => Date.now(), ["since"]);

export async function GET() {
  return Response.json({ since: await since() });
}
