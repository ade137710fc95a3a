import Counter from "./counter";

export const dynamic = "force-dynamic";

export default function Page() {
  return (
    <main>
      <h1>Shop</h1>
      <p id="version">{process.env.APP_VERSION}</p>
      <Counter />
    </main>
  );
}
